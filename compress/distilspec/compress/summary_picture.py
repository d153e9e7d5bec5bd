"""A summary as pictures: accuracy and its differences, sizes, and accuracy against latency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from distilspec.compress.latency import front, is_teacher, place_of
from distilspec.compress.summary import FP32, INT8_COSTS, SPARSE_INT8_COSTS, TEACHER, compared
from distilspec.compress.summary_table import by_data, pruned_line, speed_up_line, teachers_of
from distilspec.compress.svg_file import write_svg

#: Colours that people with each kind of colour blindness tell apart (Okabe and Ito).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#000000")

_MARKERS = "os^Dv*Pp<>hd8X"

_INCHES_A_MARK, _INCHES_AROUND, _INCHES_A_GROUP = 0.2, 1.9, 0.7

#: Of the name of the data, which stands under a panel.
_LETTERS = 70

_MB = 1e6

Student = Mapping[str, Any]


def missing() -> str | None:
    """Return what is missing for pictures, with what brings it, or None."""
    if find_spec("matplotlib"):
        return None
    return "the pictures are left out: package matplotlib is not installed; pip install 'distilspec[bench]'"


def draw_pictures(summary: Mapping[str, Any], folder: Path) -> None:
    """Write ``accuracy.svg`` and ``size.svg`` into a folder, and ``latency.svg`` where the summary has latency."""
    students: Sequence[Student] = summary["students"]
    if not students:
        return
    write_svg(_accuracy(students), folder / "accuracy.svg")
    write_svg(_sizes(students), folder / "size.svg")
    if any(row["accuracy"] and row["speed_up"] for row in summary.get("latency", ())):
        write_svg(_latency(summary["latency"], summary["latency_base"]), folder / "latency.svg")


def _accuracy(students: Sequence[Student]) -> Any:
    recipes = _recipes(students)
    models = [TEACHER, FP32, *recipes]
    pairs = list(dict.fromkeys([(FP32, TEACHER), *(pair for recipe in recipes for pair in compared(recipe))]))
    judged = by_data(students)
    figure, panels = _lines([list(map(_named, own)) for own in judged.values()], len(models))
    for (left, right), (data, own) in zip(panels, judged.items(), strict=True):
        for line, student in enumerate(reversed(own)):
            for number, model in enumerate(models):
                place = line + _offset(number, len(models))
                _point(left, student["accuracy"].get(model), place, number)
                seeds = [seed["accuracy"][model] for seed in student["each_seed"] if model in seed["accuracy"]]
                colour = COLOURS[number % len(COLOURS)]
                left.plot(seeds, [place] * len(seeds), "|", color=colour, markersize=8, alpha=0.6)
            for number, (one, other) in enumerate(pairs):
                _point(
                    right, student["differences"].get(f"{one} - {other}"), line + _offset(number, len(pairs)), number
                )
        left.set_xlabel(f"accuracy in points, 95 % interval, ticks: seeds\n{_short(data)}")
        right.set_xlabel(
            "difference in points, 95 % interval\n"
            f"dashed: the goals, {-INT8_COSTS} to FP32 and {-SPARSE_INT8_COSTS} of a pruned one to its teacher"
        )
        right.axvline(0, color="0.6", linewidth=0.8)
        for limit in (INT8_COSTS, SPARSE_INT8_COSTS):
            right.axvline(-limit, color="0.4", linewidth=0.9, linestyle="--")
    _legend(panels[0][0], [(_label(model), number) for number, model in enumerate(models)])
    _legend(panels[0][1], [(f"{_label(one)} - {_label(other)}", number) for number, (one, other) in enumerate(pairs)])
    return figure


def _sizes(students: Sequence[Student]) -> Any:
    recipes = _recipes(students)
    shown = [("bytes", FP32), *((kind, recipe) for recipe in recipes for kind in ("bytes_with_zeros", "bytes"))]
    entries: list[tuple[str, dict[tuple[str, str], Mapping[str, int]]]] = []
    for own in by_data(students).values():
        entries += [(f"{name}\ndense", {("bytes", FP32): found}) for name, found in teachers_of(own).items()]
        entries += [
            (_named(one), {(kind, program): one[kind][program] for kind, program in shown if program in one[kind]})
            for one in own
        ]
    figure, ((left, right),) = _lines([[name for name, _ in entries]], len(shown))
    for panel, part, title in ((left, "encoder", "the encoder's Linears"), (right, "total", "all constants")):
        for line, (_, sizes) in enumerate(reversed(entries)):
            for number, key in enumerate(shown):
                if key not in sizes:
                    continue
                mb, place = sizes[key][part] / _MB, line + _offset(number, len(shown))
                mark, colour = _MARKERS[number % len(_MARKERS)], COLOURS[number % len(COLOURS)]
                panel.plot([mb], [place], mark, color=colour, markersize=6)
                panel.annotate(f"{mb:.2f}", (mb, place), (7, 0), textcoords="offset points", va="center", fontsize=8)
        panel.set_xlim(0, 1.18 * panel.get_xlim()[1])
        panel.set_xlabel(f"MB of {title}")
        names = [_label(program) + ("" if kind == "bytes" else " with zeros") for kind, program in shown]
        _legend(panel, [(name, number) for number, name in enumerate(names)])
    return figure


def _recipes(students: Sequence[Student]) -> list[str]:
    return list(dict.fromkeys(recipe for student in students for recipe in student["recipes"]))


def _label(model: str) -> str:
    return "FP32" if model == FP32 else model


def _offset(number: int, count: int) -> float:
    """Return where one of several marks stands in a student's line, the first at the top."""
    return 0.6 * (0.5 - number / max(1, count - 1))


def _latency(rows: Sequence[Mapping[str, Any]], base: str | None) -> Any:
    known = [row for row in rows if row["accuracy"] and row["speed_up"]]
    places = list(dict.fromkeys(map(place_of, known)))
    models = {name: number for number, name in enumerate(dict.fromkeys(row["student"] for row in known))}
    runtimes = {name: number for number, name in enumerate(dict.fromkeys(row["runtime"] for row in known))}
    figure = _figure((11, 4.2 * len(places) + 0.3))
    axes = figure.subplots(len(places), 1, squeeze=False)[:, 0]
    for panel, place in zip(axes, places, strict=True):
        own = [row for row in known if place_of(row) == place]
        for row in own:
            colour = "0.45" if is_teacher(row) else COLOURS[models[row["student"]] % len(COLOURS)]
            fill = colour if row["state"] == "PASS" else "white"
            marker = _MARKERS[runtimes[row["runtime"]] % len(_MARKERS)]
            speed, at = row["speed_up"], row["accuracy"]["points"]
            panel.plot([speed["least"], speed["most"]], [at, at], color=colour, linewidth=0.8, alpha=0.6)
            panel.plot([speed["median"]], [at], marker, color=colour, markerfacecolor=fill, markersize=8)
        panel.plot(*_steps(front(own)), color="0.3", linewidth=0.9, zorder=0)
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:g}x")
        panel.xaxis.set_minor_formatter(lambda x, _: f"{x:g}x" if f"{x:e}"[0] in "2357" else "")
        panel.tick_params(axis="x", which="both", length=4, pad=3, labelsize=9)
        panel.set_xlabel(f"times as quick as {speed_up_line(base)}: median, least and most of a round")
        panel.set_ylabel("accuracy in points")
        data, batch, tokens, threads = place
        title = f"{batch}x{tokens}, {threads} thread{'s' if threads > 1 else ''}"
        panel.set_title(title, loc="left", fontsize=10, fontweight="bold")
        panel.set_title(_short(data), loc="right", fontsize=9)
        panel.grid(alpha=0.25)
    figure.legend(
        handles=list(_latency_handles(models, runtimes)), loc="outside right upper", frameon=False, fontsize=9
    )
    return figure


def _steps(best: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[float]]:
    """Return the border of what is beaten: level until the next row that is more accurate."""
    speeds = [row["speed_up"]["median"] for row in best for _ in range(2)]
    points = [row["accuracy"]["points"] for row in best for _ in range(2)]
    return speeds[1:], points[:-1]


def _latency_handles(models: Mapping[str, int], runtimes: Mapping[str, int]) -> Iterator[Any]:
    line: Any = import_module("matplotlib.lines").Line2D
    for name, number in models.items():
        yield line([], [], color=COLOURS[number % len(COLOURS)], marker="s", ls="", label=name)
    yield line([], [], color="0.45", marker="s", ls="", label="teacher")
    yield line([], [], ls="", label="")
    for name, number in runtimes.items():
        yield line([], [], color="0.2", marker=_MARKERS[number % len(_MARKERS)], ls="", label=name)
    yield line([], [], ls="", label="")
    yield line([], [], color="0.3", label="quickest at its accuracy")
    yield line([], [], color="0.3", marker="o", markerfacecolor="white", ls="", label="wrong results")


def _lines(groups: Sequence[Sequence[str]], marks: int) -> tuple[Any, Any]:
    """Return a figure with two panels for each group of lines, and in those the first line at the top."""
    inches = [_INCHES_A_MARK * marks * len(names) for names in groups]
    figure = _figure((12, sum(inches) + _INCHES_AROUND + _INCHES_A_GROUP * (len(groups) - 1)))
    panels = figure.subplots(len(groups), 2, sharey="row", squeeze=False, height_ratios=inches)
    for (left, right), names in zip(panels, groups, strict=True):
        left.set_yticks(range(len(names)), list(reversed(names)))
        left.set_ylim(-0.6, len(names) - 0.4)
        for panel in (left, right):
            panel.grid(axis="x", alpha=0.25)
    return figure, panels


def _named(student: Student) -> str:
    return f"{student['name']}\n{pruned_line(student)}, {student['layers']} layers"


def _short(data: str) -> str:
    return data if len(data) <= _LETTERS else f"{data[: _LETTERS - 3]}..."


def _point(panel: Any, points: Mapping[str, float] | None, place: float, number: int) -> None:
    if points is None:
        return
    around = [[points["points"] - points["low"]], [points["high"] - points["points"]]]
    panel.errorbar(
        [points["points"]],
        [place],
        xerr=around,
        fmt=_MARKERS[number % len(_MARKERS)],
        color=COLOURS[number % len(COLOURS)],
        markersize=6,
        capsize=2,
    )


def _legend(panel: Any, entries: Sequence[tuple[str, int]]) -> None:
    line: Any = import_module("matplotlib.lines").Line2D
    handles = [
        line([], [], color=COLOURS[n % len(COLOURS)], marker=_MARKERS[n % len(_MARKERS)], ls="", label=name)
        for name, n in entries
    ]
    panel.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=8, columnspacing=1
    )


def _figure(size: tuple[float, float]) -> Any:
    module: Any = import_module("matplotlib.figure")
    return module.Figure(figsize=size, layout="constrained")
