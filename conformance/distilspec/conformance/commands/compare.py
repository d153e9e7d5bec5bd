"""``distilspec compare``: what changed between two reports."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from distilspec.conformance.report.compare import Change, Comparison, Growth, compare_reports
from distilspec.conformance.report.json_report import Document, read_report
from distilspec.conformance.report.text import printable
from distilspec.conformance.report.verdict import subject

#: So many cases of one kind are printed; ``--json`` prints all.
SHOWN = 20


def compare(
    before: Annotated[Path, typer.Argument(metavar="A.json", help="The report.json of the first run.")],
    after: Annotated[Path, typer.Argument(metavar="B.json", help="The report.json of the second run.")],
    factor: Annotated[
        float, typer.Option(help="List passing cases that use so many times more of their bound.", min=1.0)
    ] = 2.0,
    as_json_text: Annotated[bool, typer.Option("--json", help="Print all differences as JSON.")] = False,
) -> None:
    """
    Say what changed between two runs: of two runtimes, two versions of one, or on two machines.

    Exit status: 0 no regression, 1 a case fails in B that does not fail in A, 2 unusable input.
    Growth within the bound and cases that only one run has are listed and change no status.

    Example: distilspec compare before/report.json after/report.json
    """
    first, second = read_report(before), read_report(after)
    found = compare_reports(first, second, factor=factor)
    if as_json_text:
        print(json.dumps(_document(found), indent=1, allow_nan=False))
    else:
        _print(found, first, second, factor, Console())
    raise typer.Exit(1 if found.newly_failing else 0)


def _document(found: Comparison) -> dict[str, object]:
    growth = [
        dataclasses.asdict(growth) | {"factor": growth.factor if math.isfinite(growth.factor) else None}
        for growth in found.growth
    ]
    return dataclasses.asdict(found) | {"growth": growth, "regressions": len(found.newly_failing)}


def _print(found: Comparison, first: Document, second: Document, factor: float, console: Console) -> None:
    for letter, report in (("A", first), ("B", second)):
        runtime = report["runtime"]
        _line(console, f"{letter}  {runtime['name']} {runtime['version']} on {subject(report)}: {report['verdict']}")
    if found.identity:
        table = Table("the runs differ in", "A", "B", box=None, pad_edge=False)
        for difference in found.identity:
            cells = (difference.name, difference.before, difference.after)
            table.add_row(*(Text("-" if cell is None else printable(cell)) for cell in cells))
        console.print(table)
    _print_changes("fail in B and not in A", found.newly_failing, console)
    _print_changes("failed in A and pass in B", found.newly_passing, console)
    _print_changes("ended otherwise", found.otherwise, console)
    _print_list(
        f"pass in both and use at least {factor:g} times more of their bound in B",
        [f"{_named(growth)}: {100 * growth.before:.3g} % -> {100 * growth.after:.3g} %" for growth in found.growth],
        console,
    )
    _print_line_of_states("only in A", [change.before for change in found.only_before], console)
    _print_line_of_states("only in B", [change.after for change in found.only_after], console)
    count = len(found.newly_failing)
    style = "bold red" if count else "bold green"
    console.print(Text(f"{count or 'no'} regression{'' if count == 1 else 's'}", style=style))


def _print_changes(title: str, changes: Sequence[Change], console: Console) -> None:
    lines = [
        f"{change.before} -> {change.after}  {_named(change)}{': ' if change.detail else ''}{change.detail}"
        for change in changes
    ]
    _print_list(title, lines, console)


def _print_line_of_states(title: str, states: Sequence[str | None], console: Console) -> None:
    if states:
        counts = ", ".join(f"{count} {state}" for state, count in Counter(states).most_common())
        _line(console, f"{len(states)} {title}: {counts}")


def _named(case: Change | Growth) -> str:
    return f"{case.id} [{case.clause}]" if case.clause else case.id


def _print_list(title: str, lines: Sequence[str], console: Console) -> None:
    if lines:
        _line(console, f"{len(lines)} {title}")
    for line in lines[:SHOWN]:
        _line(console, f"  {line}")
    if len(lines) > SHOWN:
        _line(console, f"  ... and {len(lines) - SHOWN} more; --json prints all")


def _line(console: Console, text: str) -> None:
    console.print(Text(printable(text)), soft_wrap=True, highlight=False)
