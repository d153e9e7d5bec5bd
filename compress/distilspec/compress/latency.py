"""What ``distilspec bench --model`` has measured of a collection's students, beside their accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from distilspec.compress.summary import FP32, TEACHER
from distilspec.reference.contract.errors import FormatError
from distilspec.reference.formats.json_file import read_json

#: What is taken over of a row of the benchmark.
_TAKEN = ("runtime", "version", "recipe", "state", "batch", "seq", "threads", "median_ms", "spread", "ratio")

Row = Mapping[str, Any]


def with_latency(summary: Mapping[str, Any], paths: Sequence[Path]) -> dict[str, Any]:
    """
    Return the summary with a list ``latency``: the rows of benchmarks, with the accuracy of what they ran.

    ``model`` is the student's name, or ``teacher of NAME``. ``accuracy`` is None where it was not measured: of a
    teacher in INT8, and of a student under a recipe that its pipeline does not name. ``is_best`` says that results are
    right and that no other such row of the same shape and threads is as quick and as accurate or better.

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
    rows = [row for path in paths for row in _rows(summary, path)]
    shapes = dict.fromkeys(map(shape_of, rows))
    best = [row for shape in shapes for row in front([row for row in rows if shape_of(row) == shape])]
    return {**summary, "latency": [{**row, "is_best": any(row is one for one in best)} for row in rows]}


def front(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that no other one beats in time without losing accuracy, the quickest first."""
    known = [row for row in rows if row["accuracy"] and row["median_ms"] is not None and row["state"] == "PASS"]
    best: list[Row] = []
    for row in sorted(known, key=lambda row: (row["median_ms"], -row["accuracy"]["points"])):
        if not best or row["accuracy"]["points"] > best[-1]["accuracy"]["points"]:
            best.append(row)
    return best


def shape_of(row: Row) -> tuple[int, int, int]:
    """Return batch, tokens and threads."""
    return row["batch"], row["seq"], row["threads"]


def _rows(summary: Mapping[str, Any], path: Path) -> Iterator[dict[str, Any]]:
    try:
        for row in read_json(path, dict)["rows"]:
            student = _student(summary, path, str(row["comparison"]))
            is_student = row["model"] == row["comparison"]
            model = student["name"] if is_student else f"teacher of {student['name']}"
            taken = {name: row[name] for name in _TAKEN}
            yield {"model": model, "student": student["name"], **taken, "accuracy": _accuracy(student, row, is_student)}
    except (KeyError, TypeError) as error:
        raise FormatError(f"{path}: {error}; expected what distilspec bench --json writes") from None


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
