"""A result as a picture: one panel a measure, one line a variant, its interval through the point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from distilspec.compress.svg_file import write_svg
from distilspec.reference.contract.errors import UnsupportedError

#: Colours that people with each kind of colour blindness tell apart (Okabe and Ito).
COLOURS = ("#000000", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")

_MARKERS = "os^Dv*P"

_INCHES_A_LINE, _INCHES_A_PANEL, _INCHES_AROUND = 0.24, 2.5, 1.6


def expect_drawable() -> None:
    """Raise ``UnsupportedError`` unless a picture can be drawn, before anything is computed."""
    if find_spec("matplotlib") is None:
        raise UnsupportedError(
            "embeddings: package matplotlib is not installed; expected it because a picture is drawn "
            "(pip install 'distilspec[bench]')"
        )


def draw(result: Mapping[str, Any], path: Path) -> None:
    """
    Write the picture.

    Raises
    ------
    FormatError
        The system refuses to write.
    """
    figure_module: Any = import_module("matplotlib.figure")
    models = result["models"]
    measures = list(models[0]["measures"])
    places, ticks = _places(models)
    recipes = list(dict.fromkeys(one["recipe"] for one in models))
    size = (_INCHES_A_PANEL * len(measures) + 1.2, _INCHES_A_LINE * len(models) + _INCHES_AROUND)
    figure = figure_module.Figure(figsize=size, layout="constrained")
    (panels,) = figure.subplots(1, len(measures), squeeze=False, sharey=True)
    for panel, measure in zip(panels, measures, strict=True):
        for place, one in zip(places, models, strict=True):
            number = recipes.index(one["recipe"])
            found = one["measures"][measure]["value"]
            panel.plot((found["low"], found["high"]), (place, place), color=COLOURS[number], linewidth=1.2)
            panel.plot(found["value"], place, _MARKERS[number], color=COLOURS[number], markersize=6)
        panel.axvline(models[0]["measures"][measure]["value"]["value"], color="0.5", linewidth=0.8, linestyle=":")
        panel.set_xlabel(measure)
        panel.grid(axis="x", alpha=0.25)
        panel.tick_params(axis="y", length=0)
    panels[0].set_yticks(list(ticks), list(ticks.values()))
    panels[0].invert_yaxis()
    columns = min(len(recipes), 1 + len(measures))
    figure.legend(handles=_legend(recipes), loc="outside lower center", ncols=columns, frameon=False)
    shape = tuple(result["block_shape"])
    figure.suptitle(f"{result['model']}, pruned in blocks of {shape}, without training", fontsize=10)
    write_svg(figure, path)


def _places(models: Sequence[Mapping[str, Any]]) -> tuple[list[float], dict[float, str]]:
    """Return the line of each model, with a gap where the weights change, and the middle of each group by name."""
    places: list[float] = []
    groups: dict[str, list[float]] = {}
    for number, one in enumerate(models):
        name = f"{100 * one['sparsity']:g} % sparse,\n{one['pruning']}" if one["sparsity"] else "dense"
        group = groups.setdefault(name, [])
        place = number + 1.2 * (len(groups) - 1)
        group.append(place)
        places.append(place)
    return places, {sum(group) / len(group): name for name, group in groups.items()}


def _legend(recipes: Sequence[str]) -> list[Any]:
    lines: Any = import_module("matplotlib.lines")
    return [
        lines.Line2D([], [], color=COLOURS[number], marker=_MARKERS[number], label=recipe)
        for number, recipe in enumerate(recipes)
    ]
