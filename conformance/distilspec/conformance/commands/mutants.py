"""``distilspec mutants``: the suite's own score."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from distilspec.conformance.commands.progress import progress_bar
from distilspec.conformance.mutants.candidates import Candidate, sample
from distilspec.conformance.mutants.examine import Source, Verdict, examine_all
from distilspec.conformance.mutants.score import Score
from distilspec.conformance.mutants.suite import KINDS
from distilspec.conformance.report.clause_texts import clause_texts
from distilspec.conformance.report.run import CONFORMANT, NOT_CONFORMANT, UNUSABLE


def mutants(
    seed: Annotated[int, typer.Option(help="Weights and inputs of the tiny models, and the sample of --quick.")] = 0,
    from_: Annotated[
        Path | None, typer.Option("--from", help="Score the runtimes of this folder: see docs/mutants.md.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="A sample that breaks every clause once.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the score as JSON.")] = False,
) -> None:
    """
    Score the suite: judge runtimes with one planted bug each, and correct ones that compute in other ways.

    Exit status: 0 if every mutant was found and no correct variant rejected, 1 if not, 2 if a runtime could not be
    started.

    Example: distilspec mutants --jobs 2
    """
    source = Source(from_)
    candidates = source.candidates()
    if quick:
        candidates = sample(candidates, seed)
    verdicts: dict[str, tuple[Candidate, Verdict]] = {}
    with progress_bar(sum(candidate.cost for candidate in candidates)) as bar:
        for candidate, verdict in examine_all(candidates, source, seed, jobs):
            bar.show(candidate.name)
            bar.progress.advance(bar.task, candidate.cost)
            verdicts[candidate.name] = candidate, verdict
    score = Score(tuple(verdicts[candidate.name] for candidate in candidates))
    if as_json:
        print(json.dumps(score.as_json(), indent=1))
    else:
        _print(score, seed, Console())
    for candidate, verdict in score.unusable:
        print(f"distilspec: mutants: {candidate.name}: {verdict.unusable}", file=sys.stderr)
    raise typer.Exit(UNUSABLE if score.unusable else CONFORMANT if score.perfect else NOT_CONFORMANT)


def _print(score: Score, seed: int, console: Console) -> None:
    if any(candidate.clauses for candidate, _ in score.mutants):
        console.print(_table(score.mutants))
    _explain("survived", score.survived, console)
    _explain("false alarm", score.false_alarms, console)
    counts = score.as_json()
    colour = "green" if score.perfect else "red"
    console.print(
        f"[bold {colour}]{counts['killed']} of {counts['total']} mutants killed, "
        f"{len(score.false_alarms)} of {len(score.variants)} correct variants rejected[/], seed {seed}",
        highlight=False,
    )


def _table(verdicts: Sequence[tuple[Candidate, Verdict]]) -> Table:
    """Return a row for every clause: the mutants that break it, and by which kind of case each was found."""
    table = Table(box=None, pad_edge=False)
    table.add_column("clause", no_wrap=True)
    for title in ("mutants", "killed", *KINDS, "other"):
        table.add_column(title, justify="right", no_wrap=True)
    clauses = dict.fromkeys(clause for candidate, _ in verdicts for clause in candidate.clauses or ("none named",))
    for clause in clauses:
        found = Counter(
            verdict.found_by for candidate, verdict in verdicts if clause in (candidate.clauses or ("none named",))
        )
        killed = found.total() - found[""]
        kinds = [found[kind] for kind in KINDS]
        numbers = (found.total(), killed, *kinds, killed - sum(kinds))
        table.add_row(clause, *(str(number) if number else "-" for number in numbers))
    return table


def _explain(title: str, verdicts: Sequence[tuple[Candidate, Verdict]], console: Console) -> None:
    texts = clause_texts()
    for candidate, verdict in verdicts:
        console.print(f"[bold red]{title}[/] {escape(candidate.name)}", highlight=False, soft_wrap=True)
        reasons = [verdict.detail and f"{verdict.case} {verdict.detail}".strip()]
        reasons += [f"breaks {clause}  {texts.get(clause, 'a clause of no operator')}" for clause in candidate.clauses]
        reasons += [
            candidate.seen_in and f"seen in {candidate.seen_in}",
            "" if verdict.judged else "nothing was judged",
        ]
        for reason in filter(None, reasons):
            console.print(f"  {reason}", highlight=False, markup=False, soft_wrap=True)
