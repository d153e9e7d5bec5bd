"""``distilspec locate``: the first segment that leaves its bound."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

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
from distilspec.conformance.commands.progress import progress_line
from distilspec.conformance.locate import Located
from distilspec.conformance.locate import locate as locate_first
from distilspec.conformance.replay import save_case
from distilspec.conformance.report.json_report import replay_name
from distilspec.conformance.report.run import Run
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.runtimes.adapter import Runtime
from distilspec.conformance.units import Source, subject_of
from distilspec.reference.clauses import all_clauses
from distilspec.reference.contract.recipes import Recipe

NOTHING_FOUND, DIVERGES = 0, 1


def locate(
    runtime: Annotated[str, typer.Argument(help=RUNTIME_HELP)],
    model: Annotated[str, typer.Option(help=MODEL_HELP)],
    recipe: Annotated[Recipe, typer.Option(help="Not with an ONNX file, which has its own numerics.")] = Recipe.FP32,
    sparsity: SparsityOption = 0.0,
    block_shape: BlockShapeOption = "4,1",
    tokenizer: TokenizerOption = None,
    option: RuntimeOption = None,
    seed: SeedOption = 0,
    out: Annotated[Path, typer.Option(help="Folder for the file that reproduces what is found.")] = Path("located"),
    as_json_text: JsonOption = False,
) -> None:
    """
    Find the first step, or fused segment, at which a runtime leaves what the specification permits.

    Every segment is judged on the runtime's own values of the tensors before it, so what is found is where a divergence
    begins. The segment and its inputs are saved, and run alone with distilspec replay.
    Exit status: 0 every segment is right, 1 one is not, 2 unusable input.

    Example: distilspec locate onnxruntime --model minilm --recipe w8a8-static
    """
    adapter = find_runtime(runtime, parse_options(option or []))
    source = Source(model, recipe, sparsity, parse_block_shape(block_shape), seed, tokenizer)
    with progress_line() as progress:
        progress(f"prepare {model} {recipe}")
        found = locate_first(adapter, subject_of(source), progress)
    adapter.close()
    replay = _save(found, adapter, model, out)
    if as_json_text:
        print(json.dumps(_record(found, replay), indent=1, allow_nan=False))
    else:
        _print(found, replay, adapter, Console())
    raise typer.Exit(NOTHING_FOUND if found.case is None else DIVERGES)


def _save(found: Located, runtime: Runtime, model: str, out: Path) -> Path | None:
    if found.case is None:
        return None
    folder = out / replay_name(found.case.id)
    if (folder / "case.json").is_file():
        shutil.rmtree(folder)
    run = Run(runtime.name, runtime.version, runtime.options, model, (found.case.recipe,), (), frozenset())
    save_case(folder, run, found.case)
    return folder / "case.json"


def _record(found: Located, replay: Path | None) -> dict[str, Any]:
    record: dict[str, Any] = {"found": found.case is not None, "judged": found.judged, "how": str(found.how)}
    if found.case is None or found.segment is None:
        return record
    return record | {
        "id": found.case.id,
        "step": found.case.step,
        "clause": found.case.clause,
        "operators": list(found.case.operators),
        "from": list(found.segment.program.inputs),
        "state": str(found.case.state),
        "detail": found.case.judgement.detail,
        "cause": found.case.judgement.cause,
        "replay": str(replay),
    }


def _print(found: Located, replay: Path | None, runtime: Runtime, console: Console) -> None:
    def line(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    if found.case is None or found.segment is None:
        line(f"every one of {found.judged} segments is right on {escape(runtime.name)} {runtime.version}")
        line(f"  {found.how}")
        return
    case = found.case
    texts = {clause.id: clause for of_one in all_clauses().values() for clause in of_one}
    line(f"[bold red]{case.state}[/] at segment {found.judged}: {escape(case.step)} on {escape(runtime.name)}")
    line(f"  operators  {', '.join(case.operators)}, from {escape(', '.join(found.segment.program.inputs))}")
    for clause in case.clause.split(", "):
        line(f"  clause     {escape(str(texts.get(clause, clause)))}")
    line(f"  element    {escape(case.judgement.detail)}")
    if case.judgement.cause:
        line(f"  as if      {escape(case.judgement.cause)}")
    line(f"  judged     {found.how}")
    line(f"  replay     distilspec replay {escape(str(replay))}")
