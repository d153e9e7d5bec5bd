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
    for data, students in by_data(summary["students"]).items():
        rows = " or ".join(f"{rows:,}" for rows in dict.fromkeys(one["rows"] for one in students))
        yield from ("", f"## {data}", "", f"Judged by {rows} rows.")
        yield from _accuracy_table(students)
        yield from _goal_table(students)
        yield from _seed_table(students)
        yield from _size_table(students)
    yield from ("", "## Costs and times")
    yield from _cost_table(summary["students"])
    yield ""
    yield f"All runs of the collection, finished or not, worked {summary['hours']:.1f} hours."
    yield from _latency_table(summary.get("latency", []), summary.get("latency_base"))
    yield from _measured_lines(summary.get("measured", []))
    yield from _absent_lines(summary["absent"])


def by_data(students: Sequence[Student]) -> dict[str, list[Student]]:
    """Return the students of a summary by what they are judged by: accuracies on other rows do not compare."""
    found: dict[str, list[Student]] = {}
    for student in students:
        found.setdefault(student["data"], []).append(student)
    return found


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
    head = ("student", "seed", "teacher", "FP32", *columns)
    yield from ("", _row(*head), "|---|" + "--:|" * (len(head) - 1))
    for one in students:
        for seed in one["each_seed"]:
            points = [_number(seed["accuracy"].get(model)) for model in (TEACHER, FP32)]
            for recipe in recipes:
                kept = seed["kept_in_float32"].get(recipe)
                points += [_number(seed["accuracy"].get(recipe)), "-" if kept is None else str(kept)]
            yield _row(one["name"], str(seed["seed"]), *points)


def _cost_table(students: Sequence[Student]) -> Iterator[str]:
    if not students:
        return
    head = ("student", "seed", "teacher, CPU minutes", "learning, CPU minutes", "all, CPU minutes", "all, minutes")
    yield from ("", _row(*head, "peak memory, MiB"), "|---|" + "--:|" * len(head))
    for one in students:
        for seed in one["each_seed"]:
            costs = seed["costs"]
            parts = ("teacher",), ("distil", "finish"), tuple(costs)
            minutes = sum(cost["seconds"] for cost in costs.values()) / 60
            peaks = [cost["peak_mib"] for cost in costs.values() if cost["peak_mib"] is not None]
            yield _row(
                one["name"],
                str(seed["seed"]),
                *(_cpu_minutes([costs[stage] for stage in stages if stage in costs]) for stages in parts),
                f"{minutes:.1f}",
                f"{max(peaks):,}" if peaks else "-",
            )
    yield from (
        "",
        "The teacher is among the costs of the run that trained it; others share it.",
        "After > stands what is known of a stage that was stopped and went on: the part since it went on.",
        "Peak memory is that of the process, so of a run behind others in one process that of the largest until then.",
    )


def _cpu_minutes(costs: Sequence[Mapping[str, Any]]) -> str:
    if not costs:
        return "-"
    at_least = "" if all(cost["is_whole"] for cost in costs) else "> "
    return f"{at_least}{sum(cost['cpu_seconds'] for cost in costs) / 60:.1f}"


def _size_table(students: Sequence[Student]) -> Iterator[str]:
    yield from (
        "",
        "| model | program | encoder, MB | of the teacher's | with zeros, MB | all constants, MB | of the teacher's |",
        "|---|---|--:|--:|--:|--:|--:|",
    )
    for name, found in teachers_of(students).items():
        yield _row(
            name,
            FP32,
            *_megabytes(found["encoder"], found["encoder"]),
            "-",
            *_megabytes(found["total"], found["total"]),
        )
    for one in students:
        teacher = one["teacher_bytes"] or {}
        for program, found in one["bytes"].items():
            zeros = one["bytes_with_zeros"].get(program, {}).get("encoder")
            yield _row(
                one["name"],
                program,
                *_megabytes(found["encoder"], teacher.get("encoder")),
                "-" if zeros is None else f"{zeros / _MB:.2f}",
                *_megabytes(found["total"], teacher.get("total")),
            )


def teachers_of(students: Sequence[Student]) -> dict[str, Mapping[str, int]]:
    """Return the bytes of the dense float32 teachers by name: of one that all students share, or of each student's."""
    known = {one["name"]: one["teacher_bytes"] for one in students if one["teacher_bytes"]}
    different = {tuple(found.items()): found for found in known.values()}
    if len(different) == 1:
        return {TEACHER: next(iter(different.values()))}
    return {f"{TEACHER} of {name}": found for name, found in known.items()}


def _megabytes(size: int, of_teacher: int | None) -> tuple[str, str]:
    return f"{size / _MB:.2f}", f"{size / of_teacher:.0%}" if of_teacher else "-"


def _latency_table(rows: Sequence[Mapping[str, Any]], base: str | None) -> Iterator[str]:
    if not rows:
        return
    yield from (
        "",
        "Each student was timed in the same rounds as its teacher, and each such benchmark ran at its own time: "
        "milliseconds and ratios of different students do not compare.",
        f"`speed-up` does: how many times as quick it is as {speed_up_line(base)}, the median over rounds, "
        "with the least and the most of a round.",
        "`same runtime` is that over the teacher on the same runtime and recipe, `ratio` over the teacher on the base "
        "of that benchmark.",
        "Accuracy is that over all seeds.",
        "A star: no other right one of the same data, shape and threads is both as quick and as accurate.",
        "",
        "| batch x tokens, threads | model | runtime | recipe | results "
        "| ms | ratio | same runtime | speed-up | accuracy | |",
        "|---|---|---|---|---|--:|--:|--:|--:|--:|---|",
    )
    for row in rows:
        where = f"{row['batch']}x{row['seq']}, {row['threads']}"
        who = (row["model"], f"{row['runtime']} {row['version']}", row["recipe"], row["state"])
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}x {row['base']}"
        same, speed_up = row["same_runtime"], row["speed_up"]
        figures = (
            _number(row["median_ms"]),
            ratio,
            f"{same['median']:.2f}x" if same else "-",
            f"{speed_up['median']:.2f}x [{speed_up['least']:.2f}, {speed_up['most']:.2f}]" if speed_up else "-",
            _interval(row["accuracy"]),
        )
        yield _row(where, *who, *figures, "*" if row["is_best"] else "")


def speed_up_line(base: str | None) -> str:
    """Return what a speed-up is over."""
    return f"the float32 teacher on {base} in the same rounds" if base else "nothing, for no float32 teacher was timed,"


def _measured_lines(measured: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if measured:
        yield from ("", "Measurements of their own:", "")
    for one in measured:
        yield f"- `{one['name']}`: `{one['table']}`"


def _absent_lines(absent: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if absent:
        yield ""
        yield "Not in the tables, because not evaluated or not made:"
        yield ""
    for one in absent:
        seed = "" if one["seed"] is None else f", seed {one['seed']}"
        yield f"- `{one['name']}`{seed}: {one['reason']} (`{one['folder']}`)"


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
