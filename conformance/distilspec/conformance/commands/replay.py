"""``distilspec replay``: run one saved case again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from distilspec.conformance.replay import load_case
from distilspec.conformance.replay import replay as replay_case
from distilspec.conformance.result import FAILING, State
from distilspec.conformance.runtimes import find_runtime


def replay(
    case: Annotated[Path, typer.Argument(help="The case.json of a failing case, as check --report wrote it.")],
    runtime: Annotated[str | None, typer.Argument(help="Another runtime than the case's own.")] = None,
    as_json_text: Annotated[bool, typer.Option("--json", help="Print the judgement as JSON.")] = False,
) -> None:
    """
    Run one failing case again, alone, on the same or another runtime.

    Exit status: 0 the case passes now, 1 it fails, 2 unusable input.

    Example: distilspec replay out/failures/minilm-w8a8-static-mixed/case.json reference
    """
    saved = load_case(case)
    adapter = find_runtime(runtime or saved.runtime, saved.options if runtime in (None, saved.runtime) else {})
    judgement = replay_case(saved, adapter)
    if as_json_text:
        fields = {"id": saved.id, "runtime": adapter.name, "version": adapter.version, "state": str(judgement.state)}
        print(json.dumps(fields | {"max_error": str(judgement.max_error), "detail": judgement.detail}, indent=1))
    else:
        print(f"{judgement.state} {saved.id} [{saved.clause}] on {adapter.name} {adapter.version}")
        print(f"  {judgement.detail or f'largest error {judgement.max_error:.3g}'}")
        if judgement.state is State.PASS and adapter.name == saved.runtime:
            print(f"  recorded with {saved.runtime} {saved.version}: {saved.detail}")
    raise typer.Exit(1 if judgement.state in FAILING else 0)
