"""The stage quantise: ranges of activations, and the layers that stay in float32."""

from __future__ import annotations

from collections.abc import Mapping

from distilspec.compress.batches import READING
from distilspec.compress.pipeline import Quantisation
from distilspec.compress.quantised import choose, linears_of
from distilspec.compress.record import write_json
from distilspec.compress.run import Run
from distilspec.compress.students import load_classifier
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.recipes import calibrate


def quantise(run: Run) -> None:
    """Find the ranges of the activations, and which layers stay in float32."""
    section = quantisation_of(run)
    loaded = load_folder(run.folder / "student")
    ranges: Mapping[str, tuple[float, float]] = {}
    if Recipe(section.recipe) is Recipe.W8A8_STATIC:
        rows = run.encoded(run.splits.train, run.folder / "student")
        chosen = range(min(section.calibration_rows, len(rows)))
        starts = chosen[::READING]
        batches = [rows.inputs(chosen[start : start + READING]) for start in starts]
        ranges = calibrate(loaded.program, batches, section.calibration)
    inputs = linears_of(loaded.program)
    model = load_classifier(run.folder / "student")
    rows = run.encoded(run.splits.validation, run.folder / "student")
    with run.record.progress("quantise", len(inputs)) as advance:
        choice = choose(model, Recipe(section.recipe), inputs, ranges, rows, budget=section.budget, advance=advance)
    for line in choice.sensitivity:
        run.record.say(f"  {line.step}: alone in INT8 divergence {line.divergence:.2e}, accuracy {line.accuracy:.4f}")
    for step in choice.tradeoff:
        run.record.say(f"  {step.kept} kept in float32: accuracy {step.accuracy:.4f}, {step.weight_bytes:,} bytes")
    write_json(run.folder / "quantisation.json", {"ranges": ranges, **choice.as_json()})


def quantisation_of(run: Run) -> Quantisation:
    """Return the pipeline's section; ``RangeError`` if there is none."""
    section = run.pipeline.quantisation
    if section is None:
        raise RangeError("stage quantise: the pipeline has no section quantisation; expected one")
    return section
