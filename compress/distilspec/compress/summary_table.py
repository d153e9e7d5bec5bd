"""A summary as tables in Markdown, goals that are missed like those that are reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from distilspec.compress.summary import FP32, TEACHER

_MB = 1e6

Student = Mapping[str, Any]


def as_markdown(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the tables of what ``summarise`` returns, and of ``latency`` where that is in it."""
    yield f"# {summary['name']}"
    yield ""
    yield f"Points of accuracy, with {summary['confidence']:.0%} intervals for other seeds and other rows."
    for student in summary["students"]:
        if len(student["seeds"]) == 1:
            yield f"`{student['name']}` has one seed, so its interval is for other rows alone."
    yield from _accuracy_table(summary["students"])
    yield from _goal_table(summary["students"])
    yield from _seed_table(summary["students"])
    yield ""
    yield f"All runs of the collection, finished or not, worked {summary['hours']:.1f} hours."
    yield from _size_table(summary["students"])
    yield from _latency_table(summary.get("latency", []))
    yield from _absent_lines(summary["absent"])


def _accuracy_table(students: Sequence[Student]) -> Iterator[str]:
    yield from (
        "",
        "| student | pruned | layers | seeds | teacher | FP32 | FP32 - teacher |",
        "|---|---|--:|--:|--:|--:|--:|",
    )
    for one in students:
        models = [_interval(one["accuracy"][model]) for model in (TEACHER, FP32)]
        difference = _interval(one["differences"][f"{FP32} - {TEACHER}"], sign="+")
        yield _row(one["name"], pruned_line(one), str(one["layers"]), str(len(one["seeds"])), *models, difference)
    yield from ("", "| student | recipe | INT8 | INT8 - FP32 | INT8 - teacher |", "|---|---|--:|--:|--:|")
    for one in students:
        for recipe in one["recipes"]:
            differences = (one["differences"][f"{recipe} - {other}"] for other in (FP32, TEACHER))
            found = (_interval(one["accuracy"][recipe]), *(_interval(value, sign="+") for value in differences))
            yield _row(one["name"], recipe, *found)


def _goal_table(students: Sequence[Student]) -> Iterator[str]:
    yield from ("", "| goal | student | found | |", "|---|---|--:|---|")
    for one in students:
        for goal in one["goals"]:
            name = goal["difference"].replace("fp32", "FP32")
            verdict = "reached" if goal["reached"] else "missed"
            yield _row(f"{name} at least {goal['at_least']:+.1f}", one["name"], _interval(goal, sign="+"), verdict)


def _seed_table(students: Sequence[Student]) -> Iterator[str]:
    recipes = list(dict.fromkeys(recipe for one in students for recipe in one["recipes"]))
    columns = [column for recipe in recipes for column in (recipe, "Linears in float32")]
    head = ("student", "seed", "teacher", "FP32", *columns, "training, minutes", "all, minutes")
    yield from ("", _row(*head), "|---|" + "--:|" * (len(head) - 1))
    for one in students:
        for seed in one["each_seed"]:
            points = [_number(seed["accuracy"].get(model)) for model in (TEACHER, FP32)]
            for recipe in recipes:
                kept = seed["kept_in_float32"].get(recipe)
                points += [_number(seed["accuracy"].get(recipe)), "-" if kept is None else str(kept)]
            learned = sum(seed["seconds"].get(stage, 0.0) for stage in ("distil", "finish"))
            minutes = [learned / 60, sum(seed["seconds"].values()) / 60]
            yield _row(one["name"], str(seed["seed"]), *points, *(f"{value:.1f}" for value in minutes))
    if students:
        yield ""
        yield "The teacher's training is among the minutes of the run that trained it; others share the teacher."


def _size_table(students: Sequence[Student]) -> Iterator[str]:
    yield from (
        "",
        "| student | program | encoder, MB | the same with zeros | all constants, MB |",
        "|---|---|--:|--:|--:|",
    )
    for one in students:
        for program, found in one["bytes"].items():
            zeros = one["bytes_with_zeros"].get(program, {}).get("encoder")
            cells = (found["encoder"], zeros, found["total"])
            yield _row(one["name"], program, *("-" if value is None else f"{value / _MB:.2f}" for value in cells))


def _latency_table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    yield from (
        "",
        "Times of one seed's student and of its teacher, measured together; accuracy over all seeds. A star: no other "
        "measured one is both quicker and more accurate.",
        "",
        "| batch x tokens, threads | model | runtime | recipe | results | ms | ratio | accuracy | |",
        "|---|---|---|---|---|--:|--:|--:|---|",
    )
    for row in rows:
        where = f"{row['batch']}x{row['seq']}, {row['threads']}"
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}x"
        figures = (_number(row["median_ms"]), ratio, _interval(row["accuracy"]))
        who = (row["model"], f"{row['runtime']} {row['version']}", row["recipe"], row["state"])
        yield _row(where, *who, *figures, "*" if row["is_best"] else "")


def _absent_lines(absent: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if absent:
        yield ""
        yield "Not in the tables, because not evaluated or not made:"
        yield ""
    for one in absent:
        yield f"- `{one['name']}`, seed {one['seed']}: {one['reason']} (`{one['folder']}`)"


def pruned_line(student: Mapping[str, Any]) -> str:
    """Return how a student of a summary is pruned."""
    if not student["structure"]:
        return "dense"
    shape = "({}, {})".format(*student["block_shape"]) if student["block_shape"] else f"{student['structure']}s"
    return f"{student['sparsity']:.0%} {shape}"


def _interval(points: Mapping[str, float] | None, sign: str = "") -> str:
    if points is None:
        return "-"
    return f"{points['points']:{sign}.2f} [{points['low']:{sign}.2f}, {points['high']:{sign}.2f}]"


def _number(points: float | None) -> str:
    return "-" if points is None else f"{points:.2f}"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
