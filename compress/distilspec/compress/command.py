"""``distilspec compress``: a pipeline file, or a collection of them, from the teacher to the judged result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distilspec.reference.contract.errors import RangeError, UnsupportedError

#: Exit status of a pipeline whose hours are over before it is done.
PAUSED = 1


def compress(
    pipeline: Annotated[Path, typer.Argument(help="A pipeline file, or one that lists pipelines under runs.")],
    stage: Annotated[
        str | None,
        typer.Option(help="Only this one: teacher, student, distil, finish, quantise, export or evaluate."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results, instead of the file's own.")] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Run nothing; write the table and pictures of what is done already.")
    ] = False,
    latency: Annotated[
        list[Path] | None,
        typer.Option(help="What bench --model --json wrote of a result, for accuracy against latency; repeatable."),
    ] = None,
) -> None:
    """
    Prune, distil and quantise a model as a pipeline file says; run again, it goes on where it was stopped.

    Example: distilspec compress pipelines/block-4x1.yaml
    """
    try:
        from distilspec.compress.run import PausedError
        from distilspec.compress.sequence import run_file, summarise_file
    except ModuleNotFoundError as error:
        raise UnsupportedError(
            f"compress: package {error.name} is not installed; expected it after: pip install 'distilspec[compress]'"
        ) from None
    if latency and not summary:
        raise RangeError("compress: --latency is given and --summary is not; expected both because nothing is run")
    if summary:
        if stage is not None:
            raise RangeError(f"compress: --summary and --stage {stage} are given; expected one of them")
        summarise_file(pipeline, out=out, latency=latency or ())
        return
    try:
        run_file(pipeline, stage=stage, out=out)
    except PausedError as pause:
        typer.echo(f"distilspec: {pause}", err=True)
        raise typer.Exit(PAUSED) from None
