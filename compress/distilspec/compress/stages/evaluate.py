"""The stage evaluate: what teacher and student answer about the test rows."""

from __future__ import annotations

from typing import Any

from distilspec.compress.accuracy import accuracy_of, difference_of
from distilspec.compress.batches import logits_of
from distilspec.compress.quantised import linears_of, quantised
from distilspec.compress.record import write_json
from distilspec.compress.run import Run
from distilspec.compress.students import load_classifier
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.json_file import read_json


def evaluate(run: Run) -> None:
    """Ask teacher and student, in float32 and INT8, about the test rows, and compare them row by row."""
    rows = run.encoded(run.splits.test, run.folder / "student")
    student = load_classifier(run.folder / "student")
    answers = {"teacher": logits_of(load_classifier(run.teacher), rows), "student": logits_of(student, rows)}
    section = run.pipeline.quantisation
    if section:
        choice = read_json(run.folder / "quantisation.json", dict)
        inputs = linears_of(load_folder(run.folder / "student").program)
        rest = {name: tensor for name, tensor in inputs.items() if name not in choice["kept"]}
        with quantised(student, Recipe(section.recipe), rest, choice["ranges"]):
            answers[f"student-{section.recipe}"] = logits_of(student, rows)
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
