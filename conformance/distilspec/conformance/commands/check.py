"""``distilspec check``: judge a runtime."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from distilspec.conformance.commands.options import (
    MODEL_HELP,
    RUNTIME_HELP,
    BlockShapeOption,
    JsonOption,
    RuntimeOption,
    SeedOption,
    SparsityOption,
    TokenizerOption,
    parse_block_shape,
    parse_options,
)
from distilspec.conformance.commands.progress import progress_bar
from distilspec.conformance.execute import Finished, Judged, execute_here, execute_in_processes
from distilspec.conformance.journal import Journal
from distilspec.conformance.report.console import print_run
from distilspec.conformance.report.folder import expect_report_folder, write_report
from distilspec.conformance.report.json_report import as_json
from distilspec.conformance.report.run import Run
from distilspec.conformance.runtimes.adapter import RuntimeMissingError
from distilspec.conformance.unit import Outcome, Progress, Unit
from distilspec.conformance.units import (
    EXAMPLES_IN_A_UNIT,
    FUZZ_COST,
    SECONDS_PER_HOUR,
    Source,
    fuzz_units,
    model_units,
    operator_units,
)
from distilspec.conformance.waivers import apply_waivers, load_waivers
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.named_models import compressed_of

#: Runtimes that cannot take this process down with them.
SAFE_HERE = ("reference", "exec:")

#: Why the default is no other runtime.
WITHOUT_A_NAME = "Without a name the reference, which every installation has and the others are judged by."

#: The exit status of a run that Ctrl-C ended, as shells have it.
INTERRUPTED = 130


def check(
    runtime: Annotated[str, typer.Argument(help=f"{RUNTIME_HELP} {WITHOUT_A_NAME}")] = "reference",
    model: Annotated[list[str] | None, typer.Option(help=f"{MODEL_HELP} Without it, the operators.")] = None,
    recipe: Annotated[list[Recipe] | None, typer.Option(help="May be given several times.")] = None,
    sparsity: SparsityOption = 0.0,
    block_shape: BlockShapeOption = "4,1",
    tokenizer: TokenizerOption = None,
    operators: Annotated[bool, typer.Option("--operators", help="Judge the operators as well as the model.")] = False,
    option: RuntimeOption = None,
    cases: Annotated[int | None, typer.Option(min=1, help="Judge so many fresh operator cases as well.")] = None,
    hours: Annotated[float | None, typer.Option(min=0.0, help="Go on with fresh operator cases for so long.")] = None,
    seed: SeedOption = 0,
    jobs: Annotated[
        int | None, typer.Option(min=0, help="Worker processes; 0 judges in this one, where a crash ends the run.")
    ] = None,
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler whose workers judge instead.")] = None,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds that one unit of work may take.")] = 900.0,
    waivers: Annotated[Path | None, typer.Option(help="TOML file of the failures that are accepted, and why.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for report.html, report.json, junit.xml, badge.svg and replay files.")
    ] = None,
    as_json_text: JsonOption = False,
) -> None:
    """
    Judge a runtime by the specification.

    Without --model: every operator on frozen cases, whose answers are known by hand or exact arithmetic, and on
    boundary cases. With --model: the model's every step on the runtime's own inputs, its decisions, and metamorphic
    relations.
    With --report, a run that was killed goes on where it was when the same command is given again.
    Exit status: 0 conformant, 1 not conformant, 2 unusable input or nothing judged.

    Example: distilspec check onnxruntime --model minilm --recipe w8a8-static --report out/
    """
    judged = Judged(runtime, parse_options(option or []))
    adapter = judged.create()
    models = list(dict.fromkeys(model or []))
    if not models and (recipe or sparsity or tokenizer):
        raise RangeError(
            "check: --recipe, --sparsity and --tokenizer belong to a model; expected --model, or none of them"
        )
    common = Source("", Recipe.FP32, sparsity, parse_block_shape(block_shape), seed, tokenizer)
    sources = _sources(models, list(dict.fromkeys(recipe or [])), common)
    accepted = None if waivers is None else load_waivers(waivers)
    if report is not None:
        expect_report_folder(report)
    header = Run(
        adapter.name, adapter.version, adapter.options, ", ".join(Path(name).name for name in models) or "operators",
        tuple(dict.fromkeys(str(source.recipe) for source in sources)) or ("any",), (), frozenset(), seed=seed,
    )  # fmt: skip
    adapter.close()
    arguments = {"sources": str(sources), "operators": str(operators), "cases": str(cases), "seed": str(seed)}
    journal = None if report is None else Journal(report, header, arguments)
    fixed = [*(operator_units() if operators or not models else ()), *(u for s in sources for u in model_units(s))]
    database = None if journal is None else journal.examples
    fresh = fuzz_units(seed, cases, hours, database) if cases or hours else iter(())
    outcomes = dict(journal.finished) if journal else {}
    with progress_bar(_cost(fixed, cases, hours)) as bar:
        units = bar.announced(unit for unit in chain(fixed, fresh) if unit.id not in outcomes)
        finished = _execute(units, judged, bar.show, jobs, dask, timeout)
        try:
            for unit, outcome in journal.record(finished) if journal else finished:
                outcomes[unit.id] = outcome
                bar.advance(unit)
        except KeyboardInterrupt:
            kept = f"; the same command goes on after {len(outcomes)} units" if journal else ""
            print(f"distilspec: interrupted{kept}", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None
    planned = [unit.id for unit in fixed]
    run = _run(header, [outcomes[name] for name in (*planned, *sorted(outcomes.keys() - set(planned)))])
    if accepted is not None:
        cases_ = apply_waivers(run.cases, accepted, run.runtime, date.today())
        run = replace(run, cases=tuple(cases_), waivers=accepted.of(run.runtime))
    if as_json_text:
        print(json.dumps(as_json(run), indent=1, allow_nan=False))
    else:
        print_run(run, Console(), report)
    if report is not None and journal is not None:
        write_report(run, report)
        journal.finish()
    raise typer.Exit(run.exit_status)


def _cost(fixed: Sequence[Unit], cases: int | None, hours: float | None) -> float:
    """Return about how many seconds a run takes, for the bar."""
    by_count = math.inf if cases is None else cases / EXAMPLES_IN_A_UNIT * FUZZ_COST
    by_time = math.inf if hours is None else hours * SECONDS_PER_HOUR
    fresh = 0.0 if cases is None and hours is None else min(by_count, by_time)
    return sum(unit.cost for unit in fixed) + fresh


def _sources(models: Sequence[str], recipes: Sequence[Recipe] | None, common: Source) -> list[Source]:
    """
    Return one source for every model and recipe; an ONNX file has the numerics that are in it.

    Without a recipe, a model is judged in float32, and what distilspec compress has made in every program of it.
    """
    sources = []
    for model in models:
        if model.endswith(".onnx"):
            if recipes or common.sparsity:
                raise RangeError(
                    f"check: {model} has its own numerics; expected neither --recipe nor --sparsity with it"
                )
            sources.append(replace(common, model=model))
        else:
            result = compressed_of(model)
            saved = list(result.programs) if result else []
            sources += [replace(common, model=model, recipe=recipe) for recipe in recipes or saved or [Recipe.FP32]]
    return sources


def _execute(
    units: Iterator[Unit], judged: Judged, progress: Progress, jobs: int | None, dask: str | None, timeout: float
) -> Iterator[Finished]:
    if dask is not None:
        return _dask()(units, judged, address=dask, timeout=timeout)
    if jobs is None:
        jobs = 0 if judged.name.startswith(SAFE_HERE) else 1
    if jobs == 0:
        return execute_here(units, judged, progress)
    return execute_in_processes(units, judged, jobs=jobs, timeout=timeout)


def _dask() -> Callable[..., Iterator[Finished]]:
    try:
        from distilspec.conformance.execute_on_dask import execute_on_dask
    except ModuleNotFoundError as error:
        raise RuntimeMissingError(
            f"dask: package {error.name} is not installed; expected it from pip install 'distilspec[dask]'"
        ) from None
    return execute_on_dask


def _run(header: Run, outcomes: Sequence[Outcome]) -> Run:
    cases = tuple(case for outcome in outcomes for case in outcome.cases)
    mandatory = frozenset(clause for outcome in outcomes for clause in outcome.mandatory)
    recipes = tuple(dict.fromkeys(outcome.recipe for outcome in outcomes if outcome.recipe)) or ("any",)
    steps = {name: found for outcome in outcomes for name, found in outcome.steps.items()}
    return replace(header, cases=cases, mandatory=mandatory, recipes=recipes, steps=steps)
