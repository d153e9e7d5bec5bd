"""``distilspec check``: judge a runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from distilspec.conformance.check import Progress, check_model, check_operators, formula_clause
from distilspec.conformance.commands.options import parse_block_shape, parse_options
from distilspec.conformance.commands.progress import progress_line
from distilspec.conformance.goldens import load_goldens
from distilspec.conformance.report.console import print_run
from distilspec.conformance.report.json_report import as_json, expect_report_folder, write_report
from distilspec.conformance.report.run import Run
from distilspec.conformance.result import CaseResult, State
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.runtimes.adapter import Runtime
from distilspec.conformance.subject import prepare
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.named_models import load_model


def check(
    runtime: Annotated[str, typer.Argument(help="reference, torch or onnxruntime.")] = "reference",
    model: Annotated[
        str | None, typer.Option(help="minilm, minilm-distilbert, or a Hugging Face folder; without it, the operators.")
    ] = None,
    recipe: Annotated[list[Recipe] | None, typer.Option(help="May be given several times.")] = None,
    sparsity: Annotated[float, typer.Option(help="Prune the model's encoder by block magnitude first.")] = 0.0,
    block_shape: Annotated[str, typer.Option(help="out,in of a pruned block.")] = "4,1",
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE for the runtime, e.g. level=basic.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write report.json and replayable failures here.")] = None,
    as_json_text: Annotated[bool, typer.Option("--json", help="Print report.json instead of tables.")] = False,
) -> None:
    """
    Judge a runtime by the specification.

    Without --model: every operator case whose answer is known by hand or exact arithmetic.
    With --model: the model's every step on the runtime's own inputs, and its final decisions.
    Exit status: 0 conformant, 1 not conformant, 2 unusable input or nothing judged.

    Example: distilspec check onnxruntime --model minilm --recipe w8a8-static --report out/
    """
    adapter = find_runtime(runtime, parse_options(option or []))
    recipes = list(dict.fromkeys(recipe or [Recipe.FP32]))
    blocks = parse_block_shape(block_shape)
    if model is None and (recipe or sparsity):
        raise RangeError("check: --recipe and --sparsity change a model; expected --model, or neither of them")
    if report is not None:
        expect_report_folder(report)
    with progress_line() as progress:
        if model is None:
            run = _judge_operators(adapter, progress)
        else:
            loaded = load_model(model)
            cases: list[CaseResult] = []
            mandatory: set[str] = set()
            for name in recipes:
                progress(f"prepare {model} {name}")
                subject = prepare(loaded, name, sparsity=sparsity, block_shape=blocks)
                mandatory |= {formula_clause(step.op) for step in subject.program.steps}
                cases += check_model(adapter, subject, progress)
            run = Run(
                adapter.name, adapter.version, adapter.options, loaded.name, tuple(map(str, recipes)), tuple(cases),
                frozenset(mandatory),
            )  # fmt: skip
    if report is not None:
        write_report(run, report)
    if as_json_text:
        print(json.dumps(as_json(run), indent=1, allow_nan=False))
    else:
        print_run(run, Console(), report)
    raise typer.Exit(run.exit_status)


def _judge_operators(runtime: Runtime, progress: Progress) -> Run:
    cases = check_operators(runtime, load_goldens(), progress)
    mandatory = {clause for case in cases if case.state is not State.UNSUPPORTED for clause in case.clause.split(", ")}
    return Run(
        runtime.name, runtime.version, runtime.options, "operators", ("any",), tuple(cases), frozenset(mandatory)
    )
