"""What ``distilspec bench --model`` has measured of a collection's students, beside their accuracy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from distilspec.compress.summary import FP32, TEACHER
from distilspec.reference.contract.errors import FormatError
from distilspec.reference.formats.json_file import read_json

#: What is taken over of a row of the benchmark.
_TAKEN = (
    "runtime", "version", "recipe", "state", "batch", "seq", "threads", "median_ms", "spread", "ratio", "base"
)  # fmt: skip

#: How the names of our own runtime's forms begin.
OURS = "fast"

Row = Mapping[str, Any]


def with_latency(summary: Mapping[str, Any], paths: Sequence[Path]) -> dict[str, Any]:
    """
    Return the summary with a list ``latency``: the rows of benchmarks, with the accuracy of what they ran.

    ``model`` is the student's name, or ``teacher of NAME``. ``accuracy`` is None where it was not measured: of a
    teacher in INT8, and of a student under a recipe that its pipeline does not name.

    Milliseconds of two benchmarks were not measured at the same time, so students are compared by ``speed_up``: the
    time of the float32 teacher on the runtime ``latency_base``, divided by the row's in the same round.
    ``same_runtime`` is the same over the teacher on the row's runtime and recipe. Both are the median, the least and
    the most over rounds, and None where the two did not run in the same rounds. ``is_best`` says that results are right
    and that no other such row of the same data, shape and threads has as high a speed-up and is as accurate or better.

    Parameters
    ----------
    summary : mapping
        What ``summarise`` returns.
    paths : sequence of Path
        Files that ``distilspec bench --model FOLDER --json`` has written, of results of this collection.

    Raises
    ------
    FormatError
        A file is no such one, or about another model.
    """
    together = [group for path in paths for group in _together(summary, path)]
    base = _base(together)
    rows = [_compared(row, group, base) for group in together for row in group]
    places = dict.fromkeys(map(place_of, rows))
    best = [row for place in places for row in front([row for row in rows if place_of(row) == place])]
    marked = [{**row, "is_best": any(row is one for one in best)} for row in rows]
    return {**summary, "latency_base": base, "latency": marked}


def front(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that no other one beats in speed-up without losing accuracy, the quickest first."""
    known = [row for row in rows if row["accuracy"] and row["speed_up"] and row["state"] == "PASS"]
    best: list[Row] = []
    for row in sorted(known, key=lambda row: (-row["speed_up"]["median"], -row["accuracy"]["points"])):
        if not best or row["accuracy"]["points"] > best[-1]["accuracy"]["points"]:
            best.append(row)
    return best


def place_of(row: Row) -> tuple[str, int, int, int]:
    """Return data, batch, tokens and threads: rows of one place compete."""
    return row["data"], row["batch"], row["seq"], row["threads"]


def is_teacher(row: Row) -> bool:
    """Return whether a row is of a student's teacher."""
    return bool(row["model"] != row["student"])


def _together(summary: Mapping[str, Any], path: Path) -> list[list[dict[str, Any]]]:
    """Return the rows of a benchmark in groups that took their turns in the same rounds."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    try:
        for row in read_json(path, dict)["rows"]:
            student = _student(summary, path, str(row["comparison"]))
            is_student = row["model"] == row["comparison"]
            model = student["name"] if is_student else f"teacher of {student['name']}"
            taken = {name: row[name] for name in (*_TAKEN, "round_ms")}
            found = {"model": model, "student": student["name"], "data": student["data"], **taken}
            own = groups.setdefault((row["comparison"], row["batch"], row["seq"], row["threads"]), [])
            own.append({**found, "accuracy": _accuracy(student, row, is_student)})
    except (KeyError, TypeError) as error:
        raise FormatError(f"{path}: {error}; expected what distilspec bench --json writes") from None
    return list(groups.values())


def _base(together: Sequence[Sequence[Row]]) -> str | None:
    """Return the runtime of the float32 teacher that was timed beside most students; ours only where there is none."""
    count = Counter(
        row["runtime"]
        for group in together
        for row in group
        if is_teacher(row) and row["recipe"] == FP32 and row["state"] == "PASS" and row["round_ms"]
    )
    return min(count, key=lambda name: (-count[name], name.startswith(OURS), name), default=None)


def _compared(row: Row, group: Sequence[Row], base: str | None) -> dict[str, Any]:
    teachers = {(one["runtime"], one["recipe"]): one["round_ms"] for one in group if is_teacher(one)}
    over_base = _speed(teachers.get((str(base), FP32)), row["round_ms"])
    over_same = _speed(teachers.get((row["runtime"], row["recipe"])), row["round_ms"])
    taken = {name: value for name, value in row.items() if name != "round_ms"}
    return {**taken, "same_runtime": over_same, "speed_up": over_base}


def _speed(teacher: Sequence[float] | None, own: Sequence[float]) -> dict[str, float] | None:
    """Return how many times as quick it is as the teacher; None where a round is missing and so all are shifted."""
    if not teacher or len(teacher) != len(own):
        return None
    rounds = [theirs / ours for theirs, ours in zip(teacher, own, strict=True)]
    return {"median": median(rounds), "least": min(rounds), "most": max(rounds)}


def _student(summary: Mapping[str, Any], path: Path, folder: str) -> Any:
    for student in summary["students"]:
        if folder and Path(folder).name in (Path(own).name for own in student["folders"]):
            return student
    known = ", ".join(own for student in summary["students"] for own in student["folders"])
    raise FormatError(f"{path}: it is about {folder or 'no student'}; expected distilspec bench --model with {known}")


def _accuracy(student: Mapping[str, Any], row: Row, is_student: bool) -> Any:
    if not is_student:
        return student["accuracy"][TEACHER] if row["recipe"] == FP32 else None
    return student["accuracy"].get(row["recipe"])
