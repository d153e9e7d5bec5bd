"""Benchmarks as Markdown, for a page of results: our engine against each of the others, then every row, losses too."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from statistics import median

from distilspec.conformance.bench.rows import Report, Row
from distilspec.conformance.bench.serving import Served, Serving, ordered, why_not
from distilspec.conformance.bench.table import (
    base_line,
    group_of,
    left_out_line,
    limits_lines,
    notes,
    quickest_first,
    shape_of,
    title_of,
    weights_of,
)
from distilspec.conformance.report.text import printable
from distilspec.conformance.result import State
from distilspec.reference.contract.recipes import Recipe

#: The row that is compared with all others, and how the names of its other forms begin.
OURS, OUR_FORMS = "fast", "fast-"

_LEGEND = (
    "PASS: no farther from the float64 reference than the recipe allows. FAIL: it computes something else.",
    "Ratios are speeds in the same round: the median over rounds, and its quartiles.",
    "Two times in brackets are both speeds of a runtime that flips.",
    "Roofline: the least time that the machine's limits allow, as a share of the median.",
)

_SUMMARY_LEGEND = (
    "How many times as fast as each of the others in the same round, the median over rounds.",
    "**Bold** is a loss; a runtime in *italics* computes something else.",
)


def as_markdown(saved: Sequence[Report | Serving]) -> str:
    """Return what was measured, all of it on one machine, as a page of Markdown without its title."""
    reports = [one for one in saved if isinstance(one, Report)]
    tables = [list(rows) for report in reports for _, rows in groupby(report.rows, key=title_of)]
    blocks = [_machine(saved)]
    if tables:
        blocks.append("\n".join(_LEGEND))
        blocks += _summary(tables)
    for heading, group in groupby(tables, key=lambda rows: f"{group_of(rows[0])}{_recipe(rows)}"):
        blocks.append(f"## {heading}")
        for rows in group:
            blocks += _rows(rows)
    for serving in saved:
        if isinstance(serving, Serving):
            blocks += _served(serving)
    left_out = dict.fromkeys(one for report in saved for one in report.left_out)
    if left_out:
        blocks += ["## Left out", _bullets(map(left_out_line, left_out))]
    return "\n\n".join(blocks) + "\n"


def _machine(saved: Sequence[Report | Serving]) -> str:
    machine = saved[0].machine
    limits = limits_lines([one for report in saved if isinstance(report, Report) for one in report.limits])
    first = f"{machine.cpu}, {machine.cores} processors, {machine.date[:10]}, distilspec {machine.distilspec}."
    return "\n\n".join([first, *([_bullets(limits)] if limits else [])])


def _summary(tables: Sequence[Sequence[Row]]) -> Iterator[str]:
    compared = [rows for rows in tables if any(row.runtime == OURS and row.median_ms and not row.part for row in rows)]
    if not compared:
        return
    yield f"## `{OURS}` against each of the others"
    yield "\n".join(_SUMMARY_LEGEND)
    for heading, group in groupby(compared, key=lambda rows: f"{rows[0].model}, {weights_of(rows[0])}"):
        part = list(group)
        others = list(dict.fromkeys(row.runtime for rows in part for row in rows if _is_other(row)))
        header = ["shape", "threads", "recipe", f"{OURS}, ms", "the best other", *others]
        lines = [_line(header), _line(["---", "--:", "---", *["--:"] * (len(header) - 3)])]
        for rows in part:
            ours = next(row for row in rows if row.runtime == OURS)
            by_name = {row.runtime: row for row in rows if _is_other(row) and _speeds(ours, row)}
            nearest = min(by_name.values(), key=lambda row: _speeds(ours, row)[0], default=None)
            cells = [_compared(ours, by_name[name]) if name in by_name else "" for name in others]
            best = f"{nearest.runtime} {_compared(ours, nearest)}" if nearest else ""
            lines.append(_line([shape_of(ours), str(ours.threads), ours.recipe, _ms(ours), best, *cells]))
        yield f"### {heading}"
        yield "\n".join(lines)


def _is_other(row: Row) -> bool:
    return row.runtime != OURS and not row.runtime.startswith(OUR_FORMS)


def _speeds(ours: Row, other: Row) -> list[float]:
    """Return how many times as fast ours is in the same round; twice for another runtime that has two speeds."""
    pairs = list(zip(ours.round_ms, other.round_ms, strict=False))
    if not pairs:
        return []
    if other.speeds_ms is not None:
        border = math.sqrt(math.prod(other.speeds_ms))
        halves = [pair for pair in pairs if pair[1] <= border], [pair for pair in pairs if pair[1] > border]
        if all(halves):
            return [median(theirs / own for own, theirs in half) for half in halves]
    return [median(theirs / own for own, theirs in pairs)]


def _compared(ours: Row, other: Row) -> str:
    speeds = _speeds(ours, other)
    text = " and ".join(f"{speed:.2f}x" for speed in speeds)
    if other.state is not State.PASS:
        text = f"*{text}*"
    return f"**{text}**" if speeds[0] < 1 else text


def _recipe(rows: Sequence[Row]) -> str:
    """Return what stands in a heading where our engine ran another recipe than usual."""
    ours = next((row.recipe for row in rows if row.runtime == OURS), Recipe.W8A8_STATIC)
    return "" if ours == Recipe.W8A8_STATIC else f", {ours}"


def _rows(rows: Sequence[Row]) -> Iterator[str]:
    yield f"{title_of(rows[0])}{_recipe(rows)}, ratios against {base_line(rows)}:"
    lines = [
        ["model", "runtime", "recipe", "verdict", "ms", "ratio, quartiles", "texts/s", "roofline"],
        ["---", "---", "---", "---", "--:", "---", "--:", "--:"],
        *([row.part, *_cells(row)] for row in quickest_first(rows)),
    ]
    first = 0 if rows[0].comparison else 1
    yield "\n".join(_line(line[first:]) for line in lines)
    if said := list(notes(rows)):
        yield _bullets(said)


def _cells(row: Row) -> list[str]:
    who = [f"{row.runtime} {row.version}", row.recipe, str(row.state)]
    if row.median_ms is None:
        return [*who, "", "", "", ""]
    both = " ({} and {})".format(*map(_figure, row.speeds_ms)) if row.speeds_ms else ""
    around = ", {:.2f} to {:.2f}".format(*row.ratio_quartiles) if row.ratio_quartiles else ""
    return [
        *who,
        _ms(row) + both,
        "" if row.ratio is None else f"{row.ratio:.2f}x{around}",
        f"{row.batch / row.median_ms * 1e3:.1f}",
        "" if row.roofline is None else f"{row.roofline:.0%}",
    ]


def _served(serving: Serving) -> Iterator[str]:
    yield f"## The most texts a second with p99 of latency at most {serving.limit_ms:g} ms"
    for workload, rows in ordered(serving):
        header = ["runtime", "recipe", "verdict", "texts/s", "p50, ms", "p99, ms", "batch", "instances", "threads each"]
        lines = [_line(header), _line(["---", "---", "---", *["--:"] * 6])]
        lines += [_line(_served_cells(one, is_kept)) for one, is_kept in rows]
        yield f"{workload}:"
        yield "\n".join(lines)
        if refused := [f"{one.runtime}: {why_not(one)}" for one, is_kept in rows if not is_kept]:
            yield _bullets(refused)


def _served_cells(one: Served, is_kept: bool) -> list[str]:
    who = [f"{one.runtime} {one.version}".strip(), one.recipe, str(one.state)]
    if not is_kept:
        return [*who, *[""] * 6]
    figures = (_figure(one.p50_ms), _figure(one.p99_ms), one.batch, one.instances, one.threads_each)
    return [*who, f"{one.texts_per_second:.1f}", *map(str, figures)]


def _ms(row: Row) -> str:
    return "" if row.median_ms is None else _figure(row.median_ms)


def _figure(ms: float) -> str:
    return f"{ms:.2f}" if ms < 10 else f"{ms:.1f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_plain(cell) for cell in cells)} |"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {_plain(line)}" for line in lines)


def _plain(text: str) -> str:
    """Return text that neither ends a cell nor begins a tag."""
    return " ".join(printable(text).split()).replace("|", "\\|").replace("<", "&lt;")
