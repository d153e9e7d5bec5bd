"""
The heat map of a report: how much of its bound every step used, laid out as the program runs.

A model with numbered layers becomes a table for the steps before them, one with a row for each step of a layer and a
column for each layer, and one for the steps after them. Operators become a table with a row for each operator.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from distilspec.conformance.report.json_report import Document
from distilspec.conformance.result import FAILING, SHARES

Case = dict[str, Any]

#: A number between dots or slashes is that of a layer.
_LAYER = re.compile(r"(?P<stack>.*?)[./](?P<layer>\d+)[./](?P<step>.+)")

#: What a cell shows for a case that has no share of a bound to show.
SIGNS = {
    "FAIL": "✗", "ERROR": "E", "CRASH": "C", "TIMEOUT": "T", "XPASS": "X",
    "WAIVED": "W", "UNDECIDED": "?", "MISTRUSTED": "M", "UNSUPPORTED": "U",
}  # fmt: skip

#: The worst case of a cell decides how it looks.
_WORST_FIRST = (*FAILING, "WAIVED", "UNDECIDED", "MISTRUSTED", "PASS", "UNSUPPORTED")


@dataclass(frozen=True)
class Cell:
    """One square: a sign or a percentage, the class of its colour, and the numbers behind it."""

    text: str
    look: str
    title: str


@dataclass(frozen=True)
class Row:
    """A step, with one cell for each column; None where the runtime showed nothing."""

    name: str
    cells: Sequence[Cell | None]


@dataclass(frozen=True)
class Grid:
    """
    A table of the map.

    ``groups`` names the layers, each over all of ``columns``; it is empty where there are none.
    """

    title: str
    groups: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Map:
    """The grids of one model under one recipe, or of the operators; ``judged`` and ``failing`` count cases."""

    title: str
    grids: Sequence[Grid]
    judged: int
    failing: int


@dataclass
class _Table:
    """Cases by row and by (group, column), in the order in which rows and columns came."""

    title: str
    rows: list[str] = field(default_factory=list)
    groups: dict[str, None] = field(default_factory=dict)
    columns: dict[str, None] = field(default_factory=dict)
    cases: dict[tuple[str, str, str], list[Case]] = field(default_factory=dict)

    def add_row(self, row: str, after: str | None = None) -> None:
        """Put a row that is not there yet below the row ``after``, or last."""
        if row not in self.rows:
            self.rows.insert(len(self.rows) if after is None else self.rows.index(after) + 1, row)

    def add(self, row: str, group: str, column: str, case: Case) -> None:
        """Put a case into its cell."""
        self.add_row(row)
        self.groups.setdefault(group)
        self.columns.setdefault(column)
        self.cases.setdefault((row, group, column), []).append(case)

    def grid(self) -> Grid:
        places = [(group, column) for group in self.groups for column in self.columns]
        rows = [Row(row, [_cell(self.cases.get((row, *place), [])) for place in places]) for row in self.rows]
        return Grid(self.title, [group for group in self.groups if group], list(self.columns), rows)


def heat_maps(report: Document) -> Iterator[Map]:
    """Yield a map for each model and recipe, in the order of their cases, and one for operators."""
    models: dict[tuple[str, str], list[tuple[str, str, Case]]] = {}
    operators: list[Case] = []
    for case in report["cases"]:
        if case["unit"] == "waiver":
            continue
        model, recipe, batch, rest = parted(case)
        if model:
            models.setdefault((model, recipe), []).append((batch, rest, case))
        else:
            operators.append(case)
    for (model, recipe), placed in models.items():
        tables = [_whole_model(placed), *_steps(placed, report["steps"].get(f"{model}/{recipe}", []))]
        yield _map(f"{model} {recipe}", tables, [case for _, _, case in placed])
    if operators:
        yield _map("operators", [_operators(operators)], operators)


def parted(case: Case) -> tuple[str, str, str, str]:
    """Return model, recipe, batch and what is left of a case id; the model is empty for a case of an operator."""
    parts = case["id"].split("/", 3)
    if len(parts) < 3 or parts[1] != case["recipe"]:
        return "", "", "", ""
    return parts[0], parts[1], parts[2] if len(parts) == 4 else "all", parts[-1]


def percent(share: float) -> str:
    """Return a share of a bound in per cent, in at most four characters; ``=`` for none of it."""
    if share == 0:
        return "="
    hundredths = 100 * share
    for limit, digits in ((9.95, 0), (0.095, 1), (0.0095, 2)):
        if hundredths >= limit:
            return f"{hundredths:.{digits}f}".lstrip("0")
    return "~0"


def look(share: float) -> str:
    """Return the class of the colour of a share that is within its bound: its place among the edges ``SHARES``."""
    return f"s{min(bisect_left(SHARES, share), len(SHARES) - 1)}"


def _map(title: str, tables: Sequence[_Table], cases: Sequence[Case]) -> Map:
    grids = [table.grid() for table in tables if table.cases]
    return Map(title, grids, len(cases), sum(case["state"] in FAILING for case in cases))


def _whole_model(placed: Sequence[tuple[str, str, Case]]) -> _Table:
    table = _Table("whole model")
    for batch, rest, case in placed:
        if not _is_step(case):
            table.add(rest, "", batch, case)
    return table


def _steps(placed: Sequence[tuple[str, str, Case]], steps: Sequence[str]) -> list[_Table]:
    """Return the tables of a program: its steps in order, and the tensors that they make below them."""
    position = {step: index for index, step in enumerate(steps)}
    found: dict[str, list[tuple[str, Case]]] = {}
    order: dict[str, float] = {}
    for batch, rest, case in placed:
        if _is_step(case):
            found.setdefault(rest, []).append((batch, case))
            order.setdefault(rest, position.get(case["step"], len(steps) + len(order)))
    shown = {case["step"] for cases in found.values() for _, case in cases}
    order |= {step: index for step, index in position.items() if step not in shown and step not in order}
    tables: list[_Table] = []
    stacks: dict[str, _Table] = {}
    above: dict[tuple[str, str], str] = {}
    for name in sorted(order, key=lambda name: order[name]):
        layered = _LAYER.fullmatch(name)
        if layered:
            stack, layer, row = layered.group("stack", "layer", "step")
            if stack not in stacks:
                stacks[stack] = _Table(stack)
                tables.append(stacks[stack])
            table, after = stacks[stack], above.get((stack, layer))
            above[stack, layer] = row
        else:
            if not tables or tables[-1] in stacks.values():
                tables.append(_Table(""))
            table, layer, row, after = tables[-1], "", name, None
        table.add_row(row, after)
        for batch, case in found.get(name, []):
            table.add(row, layer, batch, case)
    return tables


def _operators(cases: Sequence[Case]) -> _Table:
    table = _Table("operators")
    for case in cases:
        parts = case["id"].split("/")
        row = case["operators"][-1] if case["operators"] else parts[0]
        table.add(row, "", parts[1] if len(parts) > 2 else "goldens", case)
    return table


def _is_step(case: Case) -> bool:
    return bool(case["step"]) and case["unit"] in ("exact", "set", "bound")


def _cell(cases: Sequence[Case]) -> Cell | None:
    if not cases:
        return None
    worst = min(cases, key=lambda case: (_WORST_FIRST.index(case["state"]), -_share(case)))
    state, share = worst["state"], _share(worst)
    failing = sum(case["state"] in FAILING for case in cases)
    several = f"; the worst of {len(cases)}, {failing} fail" if len(cases) > 1 else ""
    title = f"{worst['id']}: {state}{_numbers(worst)}{several}"
    if state != "PASS":
        return Cell(SIGNS[state], "fail" if state in FAILING else "other", title)
    if worst["unit"] == "metamorphic":
        return Cell("✓", "s0", title)
    suspicious = any(case["suspicion"] for case in cases)
    return Cell(percent(share) + "!" * suspicious, look(share), title + ", suspicious" * suspicious)


def _numbers(case: Mapping[str, Any]) -> str:
    if case["max_error"] is None or case["bound_used"] is None:
        return ""
    if case["bound_used"] == 0:
        return ", equal" if case["max_error"] == 0 and case["unit"] != "metamorphic" else ""
    if case["bound_used"] > 1:
        return f", {case['bound_used']:.3g} times its bound, largest error {case['max_error']:.3g}"
    return f", {100 * case['bound_used']:.2g} % of its bound, largest error {case['max_error']:.3g}"


def _share(case: Mapping[str, Any]) -> float:
    return float("inf") if case["bound_used"] is None else float(case["bound_used"])
