"""The stage quantise: ranges of activations, and under each recipe the layers that stay in float32."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distilspec.compress.batches import READING, turns
from distilspec.compress.engine import program_logits
from distilspec.compress.packing import student_program
from distilspec.compress.quantised import Choice, Ranges, choose, linears_of
from distilspec.compress.record import write_json
from distilspec.compress.run import Run
from distilspec.compress.sections.quantisation import Quantisation
from distilspec.compress.students import load_classifier
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.compressed import Compressed
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, calibrate


def quantise(run: Run) -> None:
    """Find the ranges of the activations, and which layers stay in float32; a recipe that is there already stays."""
    section, result = quantisation_of(run), Compressed(run.folder)
    program = student_program(run)
    ranges: Ranges = result.ranges
    if not ranges and any(Recipe(name).is_calibrated for name in section.recipes):
        ranges = calibrated(run, run.student)
    made = result.choices
    chosen: dict[str, Any] = {}
    for name in section.recipes:
        if name in made:
            chosen[name] = made[name]
        else:
            chosen[name] = _chosen(run, program, Recipe(name), ranges, section.budget).as_json()
        # Every recipe is minutes of work, so it is kept before the next begins.
        write_json(run.folder / "quantisation.json", {"ranges": ranges, "recipes": {**made, **chosen}})
    write_json(run.folder / "quantisation.json", {"ranges": ranges, "recipes": chosen})


def is_quantised(run: Run) -> bool:
    """Return whether every recipe of the pipeline, and no other, has its choice."""
    return list(Compressed(run.folder).choices) == quantisation_of(run).recipes


def quantisation_of(run: Run) -> Quantisation:
    """Return the pipeline's section; ``RangeError`` if there is none."""
    section = run.pipeline.quantisation
    if section is None:
        raise RangeError("stage quantise: the pipeline has no section quantisation; expected one")
    return section


def calibrated(run: Run, student: Path) -> Ranges:
    """Return the ranges of the activations of a student in a Hugging Face folder, as the section says."""
    section = quantisation_of(run)
    rows = run.encoded(run.splits.train, student)
    chosen = range(min(section.calibration_rows, len(rows)))
    batches = [rows.inputs(chosen[start : start + READING]) for start in chosen[::READING]]
    with run.record.progress("calibrate", len(batches)) as advance:
        return calibrate(
            load_folder(student).program,
            turns(batches, advance),
            section.calibration,
            percentile=section.percentile,
            sigmas=section.sigmas,
        )


def _chosen(run: Run, program: Program, recipe: Recipe, ranges: Ranges, budget: float) -> Choice:
    inputs = linears_of(program)
    rows = run.encoded(run.splits.validation, run.student)

    def ask(kept: Sequence[str]) -> Array:
        made = apply_recipe(program, recipe, calibration=ranges, keep=kept)
        with run.record.progress(f"quantise {recipe}, {len(kept)} kept", rows.steps(READING)) as advance:
            return program_logits(made, rows, advance)

    with run.record.progress(f"quantise {recipe}", len(inputs)) as advance:
        model = load_classifier(run.student)
        choice = choose(model, recipe, inputs, ranges, rows, ask=ask, budget=budget, advance=advance)
    run.record.say(f"  {recipe}")
    for line in choice.sensitivity:
        run.record.say(f"  {line.step}: alone in INT8 divergence {line.divergence:.2e}, accuracy {line.accuracy:.4f}")
    for step in choice.tradeoff:
        run.record.say(
            f"  {step.kept} kept in float32: accuracy {step.accuracy:.4f}, costs {step.cost:.2f} points "
            f"[{step.cost_low:.2f}, {step.cost_high:.2f}], {step.weight_bytes:,} bytes"
        )
    return choice
