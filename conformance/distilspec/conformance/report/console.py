"""A run on a terminal: one table by operator, the failing cases, and the verdict in one line."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from distilspec.conformance.report.json_report import REPLAYED, replay_name
from distilspec.conformance.report.run import Run
from distilspec.conformance.report.text import printable
from distilspec.conformance.result import FAILING, CaseResult, State, Unit
from distilspec.reference.contract.spec import SPEC_VERSION

#: So many failing cases are printed; the rest is in the report.
FAILURES_SHOWN = 3

#: States that fail nothing and prove nothing, with a reason that a reader has to know, in the order of the output.
EXCUSED = (State.WAIVED, State.MISTRUSTED, State.UNSUPPORTED)


def print_run(run: Run, console: Console, folder: Path | None = None) -> None:
    """Print what was judged, what failed and where to replay it, and the verdict."""
    judged = [case for case in run.cases if case.judgement.unit is not Unit.WAIVER]
    for recipe in dict.fromkeys(case.recipe for case in judged):
        name = "operators" if recipe == "any" else run.model
        _print_line(f" on {run.runtime} {run.version}", console, (f"{name} {recipe}", "bold"))
        console.print(_table([case for case in judged if case.recipe == recipe]))
    for line in [*_stages(judged), *_excuses(judged), *_suspicions(judged)]:
        _print_line(line, console)
    for case in run.failing[:FAILURES_SHOWN]:
        name = f"{case.id} [{case.clause}]" if case.clause else case.id
        _print_line(f" {name}", console, (case.state, "bold red"))
        _print_line(f"     {case.judgement.detail}", console)
        if folder is not None and case.evidence is not None and case.state in REPLAYED:
            path = folder / "failures" / replay_name(case.id) / "case.json"
            _print_line(f"     distilspec replay {shlex.quote(str(path))}", console)
    if len(run.failing) > FAILURES_SHOWN:
        more = len(run.failing) - FAILURES_SHOWN
        _print_line(f"... and {more} more" + ("" if folder else "; --report DIR writes them all"), console)
    causes = Counter(case.judgement.cause for case in run.failing if case.judgement.cause)
    for cause, count in causes.most_common():
        _print_line(f"{count} of {len(run.failing)} failures are as if {cause}", console)
    counts = ", ".join(f"{count} {state}" for state, count in run.counts.items())
    clauses = f"{len(run.judged_clauses)} of {len(run.mandatory)} clauses"
    colour = "green" if run.exit_status == 0 else "red"
    _print_line(
        f": {run.runtime} {run.version}, spec {SPEC_VERSION}, {run.model} {' '.join(run.recipes)}: "
        f"{counts}; {clauses} judged",
        console,
        (run.verdict, f"bold {colour}"),
    )


def _stages(cases: Sequence[CaseResult]) -> list[str]:
    """Return for every batch whether showing tensors altered the program."""
    return [f"{case.state:<10} {case.id}: {case.judgement.detail}" for case in cases if case.id.endswith("/staged")]


def _excuses(cases: Sequence[CaseResult]) -> list[str]:
    """Return why cases were waived, mistrusted or unsupported: a line for each reason, naming its only case."""
    groups: dict[tuple[State, str], list[CaseResult]] = {}
    for case in cases:
        if case.state in EXCUSED and not case.id.endswith("/staged"):
            reason = f"waived by {case.waiver}" if case.waiver else case.judgement.detail
            groups.setdefault((case.state, reason), []).append(case)
    lines = []
    for (state, reason), group in sorted(groups.items(), key=lambda item: EXCUSED.index(item[0][0])):
        subject = group[0].id if len(group) == 1 else f"{len(group)} cases"
        lines.append(f"{state:<10} {subject}: {group[0].judgement.detail if len(group) == 1 else reason}")
    return lines


def _suspicions(cases: Sequence[CaseResult]) -> list[str]:
    """Return the passes whose errors independent roundings do not explain: the first ones, and how many more."""
    suspicious = [case for case in cases if case.judgement.suspicion]
    lines = [f"suspicious {case.id}: {case.judgement.suspicion}" for case in suspicious[:FAILURES_SHOWN]]
    more = len(suspicious) - FAILURES_SHOWN
    return [*lines, f"... and {more} more suspicious passes"] if more > 0 else lines


def _print_line(line: str, console: Console, styled: tuple[str, str] = ("", "")) -> None:
    """Print a line, after a beginning in a style; text of strangers is neither markup nor a control sequence."""
    beginning, style = styled
    console.print(Text.assemble((printable(beginning), style), printable(line)), highlight=False, soft_wrap=True)


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
        table.add_row(unit, Text(printable(subject)), *_counts(group))
    return table


def _counts(cases: Sequence[CaseResult]) -> tuple[str, ...]:
    passed = sum(case.state is State.PASS for case in cases)
    failed = sum(case.state in FAILING for case in cases)
    used = max(case.judgement.bound_used for case in cases)
    return str(len(cases)), str(passed), str(failed), str(len(cases) - passed - failed), f"{used:.2g}" if used else "-"
