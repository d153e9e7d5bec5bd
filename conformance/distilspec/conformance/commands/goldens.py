"""``distilspec goldens``: the frozen expected data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distilspec.conformance.goldens import make_goldens, verify_goldens

goldens = typer.Typer(help="Verify the frozen expected data, or make it anew beside the old.", no_args_is_help=True)


@goldens.command()
def verify() -> None:
    """
    Check every hash, file, id and clause of the installed goldens.

    Example: distilspec goldens verify
    """
    result = verify_goldens()
    print(result)
    raise typer.Exit(0 if result.ok else 1)


@goldens.command()
def make(target: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")]) -> None:
    """
    Make all goldens again into a new folder and say what differs from the installed ones.

    Example: distilspec goldens make goldens-new
    """
    print(make_goldens(target))
