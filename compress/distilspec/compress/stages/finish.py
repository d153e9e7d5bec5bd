"""The stage finish: the distilled student learns to live with the codes of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from distilspec.compress.quantised import Ranges, linears_of, quantised
from distilspec.compress.run import Run
from distilspec.compress.sections.pruning import PatternLock, Pruning
from distilspec.compress.sections.quantisation import Finishing
from distilspec.compress.stages.distil import teach
from distilspec.compress.stages.quantise import calibrated
from distilspec.compress.students import load_classifier
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.hugging_face import load_folder

#: Stands beside the checkpoint of the stage distil.
CHECKPOINT = "checkpoint-finish"


def finish(run: Run) -> None:
    """
    Teach the distilled student while its Linears see their inputs and weights as codes times scale.

    Weights are coded anew at every step; the ranges of the activations are those of the distilled student throughout.
    What is pruned stays so.
    """
    section = finishing_of(run)
    recipe = Recipe(section.recipe)
    ranges: Ranges = calibrated(run, run.distilled) if recipe.is_calibrated else {}
    student = load_classifier(run.distilled)
    inputs: Mapping[str, str] = linears_of(load_folder(run.distilled).program)

    def numerics() -> AbstractContextManager[None]:
        return quantised(student, recipe, inputs, ranges)

    pruning = locked(run.pipeline.pruning)
    checkpoint = run.folder / CHECKPOINT
    teach(run, "finish", student, section.training, pruning, checkpoint, run.student, numerics=numerics)


def finishing_of(run: Run) -> Finishing:
    """Return the pipeline's section; ``RangeError`` if there is none."""
    if run.finishing is None:
        raise RangeError("stage finish: the pipeline has no section quantisation.finishing; expected one")
    return run.finishing


def locked(pruning: Pruning | None) -> Pruning | None:
    """Return the section with the zeros that are there already as its schedule."""
    return pruning and pruning.model_copy(update={"schedule": PatternLock(kind="pattern-lock")})
