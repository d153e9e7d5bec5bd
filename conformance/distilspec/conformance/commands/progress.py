"""A progress line on standard error, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def progress_line() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows what is being worked on and how many cases have been."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.completed} cases"),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)

        def show(description: str) -> None:
            progress.update(task, description=description[-80:], advance=1)

        yield show
