"""Progress on standard error, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from distilspec.conformance.unit import Unit

#: A description is cut to so many characters, its end being what differs.
LONGEST_DESCRIPTION = 60


@contextmanager
def progress_line() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows what is being worked on and how many cases have been."""
    columns = (
        SpinnerColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.completed} cases"),
        TextColumn("{task.description}"),
    )
    with _progress(columns) as progress:
        task = progress.add_task("", total=None)

        def show(description: str) -> None:
            progress.update(task, description=description[-LONGEST_DESCRIPTION:], advance=1)

        yield show


@dataclass(frozen=True)
class UnitBar:
    """A bar that grows by the cost of every unit that ends."""

    progress: Progress
    task: TaskID
    total: float

    def show(self, description: str) -> None:
        """Show what is being worked on."""
        self.progress.update(self.task, description=description[-LONGEST_DESCRIPTION:])

    def announced(self, units: Iterable[Unit]) -> Iterator[Unit]:
        """Show each unit when it is about to start."""
        for unit in units:
            self.show(unit.id)
            yield unit

    def advance(self, unit: Unit) -> None:
        """Count a unit that has ended."""
        self.progress.update(self.task, advance=unit.cost)


@contextmanager
def progress_bar(total: float | None) -> Iterator[UnitBar]:
    """Yield a bar with a time estimate for units that cost ``total`` together; without a total it only counts."""
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        TextColumn("{task.description}"),
    )
    with _progress(columns) as progress:
        yield UnitBar(progress, progress.add_task("", total=total), total or 0.0)


def _progress(columns: Iterable[ProgressColumn]) -> Progress:
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
