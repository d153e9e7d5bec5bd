"""What is judged: a model under a recipe, with the batches of texts that go through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from distilspec.conformance.cases import texts
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.compressed import Compressed
from distilspec.reference.formats.hugging_face import Model
from distilspec.reference.formats.tokenizer import Text
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, calibrate, prune

#: Calibration texts are tokenised so many at a time.
CALIBRATION_BATCH = 8


@dataclass(frozen=True)
class Subject:
    """
    A program to judge and named batches of inputs for it.

    ``model`` is where the program comes from, for runtimes that convert whole models themselves; ``onnx`` the user's
    file where the program was read from one, which a runtime then loads as it is.
    """

    name: str
    program: Program
    batches: Mapping[str, Mapping[str, Array]]
    model: Model | None = None
    onnx: Path | None = None


def compress(
    model: Model,
    recipe: Recipe,
    *,
    sparsity: float = 0.0,
    block_shape: tuple[int, int] = (4, 1),
    calibration: Sequence[Text] = texts.CALIBRATION,
    result: Compressed | None = None,
) -> Program:
    """
    Return the model's program pruned to a sparsity (0 leaves it dense) and under a recipe, calibrated on texts.

    Of a student whose ``result`` is given it is the program that is saved there.

    Raises
    ------
    UnsupportedError
        A student is to be pruned once more, and as ``prune`` and ``apply_recipe``.
    """
    starts = range(0, len(calibration), CALIBRATION_BATCH)
    batches = [model.encode(calibration[start : start + CALIBRATION_BATCH], truncate=True) for start in starts]
    if result is not None:
        if sparsity:
            raise UnsupportedError(
                f"{result.folder}: sparsity is {sparsity}; expected none because a pipeline has pruned the model or not"
            )
        return result.program(recipe, batches)
    program = model.program
    if sparsity:
        program = prune(program, sparsity=sparsity, block_shape=block_shape)
    ranges = calibrate(program, batches, recipe=recipe) if recipe.is_calibrated else None
    return apply_recipe(program, recipe, calibration=ranges)


def prepare(
    model: Model,
    recipe: Recipe,
    *,
    sparsity: float = 0.0,
    block_shape: tuple[int, int] = (4, 1),
    result: Compressed | None = None,
) -> Subject:
    """Compress a model and encode the judged texts: a batch of mixed lengths with padding, and a batch of one."""
    program = compress(model, recipe, sparsity=sparsity, block_shape=block_shape, result=result)
    batches = {"mixed": model.encode(texts.MIXED, truncate=True), "single": model.encode(texts.SINGLE, truncate=True)}
    return Subject(model.name, program, batches, model)
