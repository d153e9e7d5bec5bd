"""The stage evaluate: what teacher and student answer about the test rows."""

from __future__ import annotations

from typing import Any

from distilspec.compress.accuracy import accuracy_of, difference_of
from distilspec.compress.batches import READING, EncodedRows
from distilspec.compress.engine import program_logits
from distilspec.compress.record import write_json
from distilspec.compress.run import Run
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Float32Array
from distilspec.reference.formats.compressed import Compressed
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.saved import load_program
from distilspec.reference.program import Program


def evaluate(run: Run) -> None:
    """Ask the teacher, and the student in every program that is saved, about the test rows; compare row by row."""
    rows = run.encoded(run.splits.test, run.student)
    answers = {"teacher": _answers(run, "teacher", load_folder(run.teacher).program, rows)}
    for recipe, folder in Compressed(run.folder).programs.items():
        name = "student" if recipe is Recipe.FP32 else f"student-{recipe}"
        answers[name] = _answers(run, name, load_program(folder), rows)
    right = {name: logits.argmax(axis=1) == rows.labels for name, logits in answers.items()}
    result: dict[str, Any] = {"rows": len(rows), "models": {}, "differences": {}}
    for name, correct in right.items():
        found = accuracy_of(correct)
        result["models"][name] = {**found._asdict(), "correct": "".join("01"[answer] for answer in correct.astype(int))}
        run.record.say(f"  {name}: {found.points:.2f} [{found.low:.2f}, {found.high:.2f}]")
    for name in list(right)[1:]:
        for other in list(right)[: list(right).index(name)]:
            found = difference_of(right[name], right[other])
            result["differences"][f"{name} - {other}"] = found._asdict()
            run.record.say(f"  {name} - {other}: {found.points:+.2f} [{found.low:+.2f}, {found.high:+.2f}]")
    write_json(run.folder / "evaluation.json", result)


def _answers(run: Run, name: str, program: Program, rows: EncodedRows) -> Float32Array:
    with run.record.progress(f"evaluate {name}", rows.steps(READING)) as advance:
        return program_logits(program, rows, advance)
