"""Latency, throughput and share of the roofline as a picture, every runtime in its own line, losses like wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

from distilspec.conformance.bench.rows import Report, Row
from distilspec.conformance.bench.table import group_of, limits_lines, name_of, shape_of
from distilspec.conformance.result import State
from distilspec.reference.contract.errors import RangeError, UnsupportedError

FORMATS = (".svg", ".png")

#: Colours of shapes that people with each kind of colour blindness tell apart (Okabe and Ito).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#000000")

_MARKERS = "osD^vP*"

_INCHES_A_RUNTIME, _INCHES_A_SHAPE, _INCHES_A_PANEL = 0.22, 0.06, 1.5

#: Of the height of a runtime's line, over which its shapes are spread, so that none hides another.
_SPREAD = 0.7


def expect_drawable(path: Path) -> None:
    """Raise ``RangeError`` or ``UnsupportedError`` unless a picture can be written there, before anything is timed."""
    if path.suffix not in FORMATS:
        raise RangeError(f"picture: {path} is no {' or '.join(FORMATS)} file; expected one of these")
    if not path.parent.is_dir():
        raise RangeError(f"picture: {path.parent} is no folder; expected one that exists")
    if find_spec("matplotlib") is None:
        raise UnsupportedError("picture: package matplotlib is not installed; expected it from 'distilspec[bench]'")


def draw(reports: Sequence[Report], path: Path) -> None:
    """Write a picture of one machine; rows without a time are named, with their state, at the left edge of a panel."""
    figure_module: Any = import_module("matplotlib.figure")
    all_rows = [row for report in reports for row in report.rows]
    groups = [list(rows) for _, rows in groupby(all_rows, key=group_of)]
    shapes = list(dict.fromkeys(shape_of(row) for row in all_rows))
    inches = _INCHES_A_RUNTIME + _INCHES_A_SHAPE * len(shapes)
    heights = [inches * len({name_of(row) for row in rows}) + _INCHES_A_PANEL for rows in groups]
    figure = figure_module.Figure(figsize=(14, sum(heights) + 0.9), layout="constrained")
    axes = figure.subplots(len(groups), 3, squeeze=False, height_ratios=heights)
    for panels, rows in zip(axes, groups, strict=True):
        _draw_group(panels, rows, shapes)
    figure.legend(handles=_legend(shapes), loc="outside lower center", ncols=len(shapes) + 2, frameon=False)
    limits = "\n".join(limits_lines([one for report in reports for one in report.limits]))
    machine = reports[0].machine
    figure.suptitle(f"{machine.cpu}, {machine.date[:10]}\n{limits}", fontsize=10)
    figure.savefig(path, dpi=120)


def order(rows: Sequence[Row]) -> list[str]:
    """Return the runtimes, the one with the best ratios last, which is drawn at the top; those without time first."""
    by_runtime: dict[str, list[float]] = {name_of(row): [] for row in rows}
    for row in rows:
        if row.median_ms is not None:
            by_runtime[name_of(row)].append(row.batch * row.seq / row.median_ms)
    return sorted(by_runtime, key=lambda name: median(by_runtime[name]) if by_runtime[name] else -1.0)


def _draw_group(panels: Sequence[Any], rows: Sequence[Row], shapes: Sequence[str]) -> None:
    figures: tuple[tuple[str, Callable[[float, Row], float | None], bool], ...] = (
        ("latency in ms", _milliseconds, True),
        ("texts a second", _texts, True),
        ("share of the roofline in %", _share, False),
    )
    names = order(rows)
    for panel, (title, figure, is_log) in zip(panels, figures, strict=True):
        for row in rows:
            number = shapes.index(shape_of(row))
            line = names.index(name_of(row)) + _SPREAD * ((len(shapes) - 1) / 2 - number) / len(shapes)
            _draw_row(panel, line, row, figure, number)
        for number in range(0, len(names), 2):
            panel.axhspan(number - 0.5, number + 0.5, color="0.96", zorder=0)
        panel.set_yticks(range(len(names)), names if panel is panels[0] else [""] * len(names))
        panel.set_ylim(-0.6, len(names) - 0.4)
        panel.set_xlabel(title)
        panel.grid(axis="x", which="both", alpha=0.25)
        panel.grid(axis="y", alpha=0.12)
        if is_log:
            panel.set_xscale("log")
            panel.xaxis.set_major_formatter("{x:g}")
            panel.xaxis.set_minor_formatter(lambda x, _: f"{x:g}" if f"{x:e}"[0] in "25" else "")
            panel.tick_params(axis="x", which="both", labelsize=8)
        else:
            panel.set_xlim(left=0)
    panels[0].set_title(group_of(rows[0]), loc="left", fontsize=10, fontweight="bold")
    for number, name in enumerate(names):
        if all(row.median_ms is None for row in rows if name_of(row) == name):
            state = next(row.state for row in rows if name_of(row) == name)
            panels[0].annotate(
                str(state), (0.01, number), xycoords=("axes fraction", "data"), va="center", fontsize=8, color="0.4"
            )


def _draw_row(panel: Any, line: float, row: Row, figure: Callable[[float, Row], float | None], number: int) -> None:
    if row.median_ms is None or (place := figure(row.median_ms, row)) is None:
        return
    colour, marker = COLOURS[number % len(COLOURS)], _MARKERS[number % len(_MARKERS)]
    if row.speeds_ms is not None:
        both = [figure(ms, row) for ms in row.speeds_ms]
        panel.plot(both, [line, line], "|-", color=colour, markersize=8, linewidth=1)
    fill = colour if row.state is State.PASS else "white"
    panel.plot([place], [line], marker, color=colour, markerfacecolor=fill, markersize=6)


def _legend(shapes: Sequence[str]) -> list[Any]:
    lines: Any = import_module("matplotlib.lines")
    handles = [
        lines.Line2D([], [], color=COLOURS[n % len(COLOURS)], marker=_MARKERS[n % len(_MARKERS)], ls="", label=shape)
        for n, shape in enumerate(shapes)
    ]
    hollow = lines.Line2D([], [], color="0.3", marker="o", markerfacecolor="white", ls="", label="wrong results")
    two = lines.Line2D([], [], color="0.3", marker="|", markersize=11, label="two speeds")
    return [*handles, hollow, two]


def _milliseconds(ms: float, row: Row) -> float:  # noqa: ARG001 - one of three figures
    return ms


def _texts(ms: float, row: Row) -> float:
    return row.batch / ms * 1e3


def _share(ms: float, row: Row) -> float | None:
    """Return the share of the roofline at a time, which falls as the time grows."""
    if row.roofline is None or row.median_ms is None:
        return None
    return 100 * row.roofline * row.median_ms / ms
