"""A run on a terminal: one table by operator, the failing cases, and the verdict in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from distilspec.conformance.report.json_report import replay_name
from distilspec.conformance.report.run import Run
from distilspec.conformance.result import CaseResult, State
from distilspec.reference.contract.spec import SPEC_VERSION

#: So many failing cases are printed; the rest is in the report.
FAILURES_SHOWN = 3


def print_run(run: Run, console: Console, folder: Path | None = None) -> None:
    """Print what was judged, what failed and where to replay it, and the verdict."""
    for recipe in dict.fromkeys(case.recipe for case in run.cases):
        console.print(f"[bold]{escape(run.model)} {recipe}[/] on {run.runtime} {run.version}", highlight=False)
        console.print(_table([case for case in run.cases if case.recipe == recipe]))
    for case in run.cases:
        if case.state is State.MISTRUSTED or case.id.endswith("/staged"):
            line = f"{case.state:<10} {case.id}: {case.judgement.detail}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    for case in run.failing[:FAILURES_SHOWN]:
        console.print(
            f"[bold red]{case.state}[/] {escape(f'{case.id} [{case.clause}]')}", highlight=False, soft_wrap=True
        )
        console.print(f"     {case.judgement.detail}", highlight=False, markup=False, soft_wrap=True)
        if folder is not None and case.evidence is not None:
            path = folder / "failures" / replay_name(case.id) / "case.json"
            console.print(f"     distilspec replay {path}", highlight=False, markup=False, soft_wrap=True)
    if len(run.failing) > FAILURES_SHOWN:
        more = len(run.failing) - FAILURES_SHOWN
        console.print(f"... and {more} more" + ("" if folder else "; --report DIR writes them all"), highlight=False)
    causes = Counter(case.judgement.cause for case in run.failing if case.judgement.cause)
    for cause, count in causes.most_common():
        console.print(f"{count} of {len(run.failing)} failures are as if {cause}", highlight=False, markup=False)
    counts = ", ".join(f"{count} {state}" for state, count in run.counts.items())
    clauses = f"{len(run.judged_clauses)} of {len(run.mandatory)} clauses"
    colour = "green" if run.exit_status == 0 else "red"
    console.print(
        f"[bold {colour}]{run.verdict}[/]: {run.runtime} {run.version}, spec {SPEC_VERSION}, "
        f"{escape(run.model)} {' '.join(run.recipes)}: {counts}; {clauses} judged",
        highlight=False,
        soft_wrap=True,
    )


def _table(cases: Sequence[CaseResult]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("judged by", "operator"):
        table.add_column(title, no_wrap=True)
    for title in ("cases", "PASS", "FAIL", "other", "of bound"):
        table.add_column(title, justify="right", no_wrap=True)
    groups: dict[tuple[str, str], list[CaseResult]] = {}
    for case in cases:
        subject = case.operators[-1] if case.operators else case.id.rsplit("/", 1)[-1].split(":")[0]
        groups.setdefault((str(case.judgement.unit), subject), []).append(case)
    for (unit, subject), group in groups.items():
        table.add_row(unit, escape(subject), *_counts(group))
    return table


def _counts(cases: Sequence[CaseResult]) -> tuple[str, ...]:
    passed = sum(case.state is State.PASS for case in cases)
    failed = sum(case.state in (State.FAIL, State.ERROR) for case in cases)
    used = max(case.judgement.bound_used for case in cases)
    return str(len(cases)), str(passed), str(failed), str(len(cases) - passed - failed), f"{used:.2g}" if used else "-"
