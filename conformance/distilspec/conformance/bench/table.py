"""The rows of a benchmark on a console, losses like wins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from distilspec.conformance.bench.rows import LeftOut, Report, Row
from distilspec.conformance.bench.work import Limits
from distilspec.conformance.report.text import printable
from distilspec.conformance.result import State

COLUMNS = ("runtime", "version", "recipe", "verdict", "ms", "spread", "ratio", "[quartiles]", "texts/s", "roofline")

_GIGA = 1e9


class Weighted(Protocol):
    """What says how its weights are pruned."""

    @property
    def sparsity(self) -> float:
        """Return the share of the blocks that are pruned."""

    @property
    def block_shape(self) -> tuple[int, int] | None:
        """Return the shape of a block, or None where nothing is pruned."""

    @property
    def pruned(self) -> str:
        """Return whether all Linears are pruned, or those of the feed-forward networks."""


def print_report(report: Report, console: Console) -> None:
    """Print the machine's limits, a table for each workload, shape and number of threads, and who was left out."""
    _line(console, f"{report.machine.cpu}, {report.machine.cores} processors")
    for line in limits_lines(report.limits):
        _line(console, line)
    for title, rows in groupby(report.rows, key=title_of):
        of_base = list(rows)
        console.print()
        _line(console, f"{title}; ratio: speed against {base_line(of_base)} in the same round")
        for part in dict.fromkeys(f"{row.part}: {row.model}, {weights_of(row)}" for row in of_base if row.part):
            _line(console, part)
        console.print(_table(of_base))
        for note in notes(of_base):
            _line(console, f"  {note}")
    if report.left_out:
        console.print()
    for one in report.left_out:
        _line(console, left_out_line(one))


def limits_lines(measured: Sequence[Limits]) -> list[str]:
    """Return a line for each number of threads, with ranges where several runs have measured its limits."""
    by_threads: dict[tuple[int, str], list[Limits]] = {}
    for limits in measured:
        by_threads.setdefault((limits.threads, limits.target), []).append(limits)
    return [
        f"{threads} thread{'s' if threads > 1 else ''} ({target}) at most: "
        f"{_range(one.int8_products for one in same)} INT8 and "
        f"{_range(one.float32_products for one in same)} float32 products/ns, "
        f"{_range(one.read_bytes for one in same)} GB/s read"
        for (threads, target), same in by_threads.items()
    ]


def _range(values: Iterable[float]) -> str:
    """Return the least and the most of some values in thousands of millions, once where they look alike."""
    ordered = sorted(values)
    ends = dict.fromkeys(f"{value / _GIGA:.1f}" for value in (ordered[0], ordered[-1]))
    return " to ".join(ends)


def left_out_line(one: LeftOut) -> str:
    """Return who is left out, and what would change that."""
    return f"{one.runtime} is left out: {one.reason}"


def title_of(row: Row) -> str:
    """Return what was timed, without by whom."""
    if row.comparison:
        return f"{row.comparison} {shape_of(row)}, {threads_of(row)}"
    return f"{row.model} {shape_of(row)}, {weights_and_threads(row)}"


def group_of(row: Row) -> str:
    """Return what was timed, whatever the shape."""
    return f"{row.comparison or row.model}, {threads_of(row) if row.comparison else weights_and_threads(row)}"


def shape_of(row: Row) -> str:
    """Return the batch and its tokens."""
    return f"{row.batch}x{row.seq}"


def base_line(rows: Sequence[Row]) -> str:
    """Return against what the ratios of a table are."""
    parts = [row.part for row in rows]
    return f"{rows[0].base} on the {'teacher' if 'teacher' in parts else 'student'}" if any(parts) else rows[0].base


def weights_and_threads(row: Row) -> str:
    """Return how the weights are pruned, and the number of threads."""
    return f"{weights_of(row)}, {threads_of(row)}"


def threads_of(row: Row) -> str:
    """Return the number of threads."""
    return f"{row.threads} thread{'s' if row.threads > 1 else ''}"


def weights_of(row: Weighted) -> str:
    """Return how the weights are pruned."""
    if not row.sparsity or not row.block_shape:
        return "dense"
    out, in_ = row.block_shape
    pruned = " in the feed-forward networks" if row.pruned == "ffn" else ""
    return f"{row.sparsity:.0%} sparse{pruned} in blocks of ({out}, {in_})"


def name_of(row: Row) -> str:
    """Return by which a row is called: the runtime, and the model where a table has two."""
    return f"{row.runtime} on the {row.part}" if row.part else row.runtime


def notes(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what does not fit a column: two speeds, wrong results, and failures."""
    for row in rows:
        if row.speeds_ms is not None:
            quick, slow = row.speeds_ms
            yield f"{name_of(row)} has two speeds: {quick:.2f} and {slow:.2f} ms"
        if row.state is State.FAIL and row.error is not None:
            off = f"it is off by {row.error:.2g}; expected {row.error_limit:.2g}"
            yield f"{name_of(row)} computes something else: {off}"
        elif row.detail:
            yield f"{name_of(row)}: {row.detail}"


def quickest_first(rows: Sequence[Row]) -> list[Row]:
    """Return the rows by their time, those without one at the end."""
    return sorted(rows, key=lambda row: (row.median_ms is None, row.median_ms or 0.0))


def cells(row: Row) -> tuple[str, ...]:
    """Return the cells of a row, in the order of ``COLUMNS``."""
    who = (row.runtime, row.version, row.recipe, str(row.state))
    if row.median_ms is None or row.spread is None:
        return (*who, *("-" for _ in COLUMNS[len(who) :]))
    around = "-" if row.ratio_quartiles is None else "{:.2f} to {:.2f}".format(*row.ratio_quartiles)
    return (
        *who,
        f"{row.median_ms:.2f}" + ("*" if row.speeds_ms else ""),
        f"{row.spread:.2f}",
        "-" if row.ratio is None else f"{row.ratio:.2f}x",
        around,
        f"{row.batch / row.median_ms * 1e3:.1f}",
        "-" if row.roofline is None else f"{row.roofline:.0%}",
    )


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    is_comparison = bool(rows[0].comparison)
    if is_comparison:
        table.add_column(Text("model"), no_wrap=True)
    for number, column in enumerate(COLUMNS):
        table.add_column(Text(column), justify="left" if number < 4 else "right", no_wrap=True)
    for row in quickest_first(rows):
        style = "red" if row.state is not State.PASS else ""
        shown = (row.part, *cells(row)) if is_comparison else cells(row)
        table.add_row(*(Text(printable(cell), style=style) for cell in shown))
    return table


def _line(console: Console, text: str) -> None:
    console.print(Text(printable(text)), soft_wrap=True, highlight=False)
