"""``calibrate``: the ranges of the activations that a static recipe quantises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from distilspec.reference import ops
from distilspec.reference.arith import round_to_float32
from distilspec.reference.contract.errors import RangeError, ShapeError, UnsupportedError, errors_about
from distilspec.reference.contract.recipes import Observer, Recipe
from distilspec.reference.contract.symbols import BATCH, SEQUENCE
from distilspec.reference.contract.types import Array, Float32Array
from distilspec.reference.ops.minmax_range import Range
from distilspec.reference.program import Program
from distilspec.reference.recipes.aciq_range import aciq_range
from distilspec.reference.recipes.encoder_attention import is_encoder_attention
from distilspec.reference.recipes.encoder_linears import is_encoder_linear

#: The input that says which positions are tokens and which are padding.
MASK = "attention_mask"


def calibrate(
    program: Program,
    batches: Iterable[Mapping[str, Array]],
    observer: Observer | str = Observer.MINMAX,
    *,
    recipe: Recipe | str = Recipe.W8A8_STATIC,
    percentile: float = 99.999,
    sigmas: float = 6.0,
) -> dict[str, tuple[float, float]]:
    """
    Run the program on batches of inputs and return the range of every tensor that a static recipe quantises.

    Those are what encoder Linears read and, for ``w8a8-static-attn``, the queries, keys and values of its attention.

    Padding has no influence: of a tensor with the axes batch, which is the first, and sequence, only the positions
    count at which the program's input ``attention_mask`` is true. A tensor of another shape counts whole.
    The result does not depend on how the inputs are divided into batches, up to the rounding of sums: minmax merges
    the ranges of the batches, the other observers see the values of all batches together.

    Parameters
    ----------
    program : Program
        One whose recipe is ``fp32``, dense or pruned.
    batches : iterable of mappings of input name to array
    observer : Observer, or its name
    recipe : Recipe, or its name
        The one that the ranges are for.
    percentile : float
        For the observer ``percentile``.
    sigmas : float
        For the observer ``mean-sigma``.

    Returns
    -------
    dict of tensor name to (minimum, maximum)
        Float32 values.

    Raises
    ------
    UnsupportedError
        The observer does not exist, or the program has no encoder Linear.
    RangeError
        There is no value at all, a value is not finite, or ``percentile`` or ``sigmas`` is out of range.
    ShapeError, DTypeError
        A batch does not fit the program.
    """
    observer = Observer(observer)
    operands = [step.inputs[:1] for step in program.steps if is_encoder_linear(step)]
    if Recipe(recipe) is Recipe.W8A8_STATIC_ATTN:
        operands += [step.inputs[:3] for step in program.steps if is_encoder_attention(step)]
    tensors = list(dict.fromkeys(str(name) for names in operands for name in names))
    if not tensors:
        raise UnsupportedError(f"program {program.name}: no linear step has the tag encoder; expected one to calibrate")
    observed = program.extract(tensors)
    seen: dict[str, list[Float32Array]] = {tensor: [] for tensor in tensors}
    for batch in batches:
        values = observed.run(ops, {name: array for name, array in batch.items() if name in observed.inputs})
        for tensor in tensors:
            tokens = round_to_float32(_tokens(program, tensor, values[tensor], batch))
            if observer is Observer.MINMAX and tokens.size:
                with errors_about(f"tensor {tensor}"):
                    tokens = np.array(ops.minmax_range(tokens))
            seen[tensor].append(tokens)
    ranges = {}
    for tensor, parts in seen.items():
        tokens = np.concatenate([part.ravel() for part in parts] or [np.zeros(0, np.float32)])
        if not tokens.size:
            raise RangeError(f"tensor {tensor}: the batches hold no token; expected at least one to calibrate")
        with errors_about(f"tensor {tensor}"):
            minimum, maximum = _observe(tokens, observer, percentile, sigmas)
        ranges[tensor] = float(minimum), float(maximum)
    return ranges


def _tokens(program: Program, tensor: str, values: Array, batch: Mapping[str, Array]) -> Array:
    shape = program.spec(tensor).shape
    if MASK not in program.inputs or shape[:1] != (BATCH,) or SEQUENCE not in shape:
        return values
    if MASK not in batch:
        raise ShapeError(f"program {program.name}: input {MASK} is missing; expected it because padding is left out")
    return np.moveaxis(values, shape.index(SEQUENCE), 1)[np.asarray(batch[MASK], np.bool_)]


def _observe(values: Float32Array, observer: Observer, percentile: float, sigmas: float) -> Range:
    match observer:
        case Observer.MINMAX:
            return ops.minmax_range(values)
        case Observer.PERCENTILE:
            return ops.percentile_range(values, percentile=percentile)
        case Observer.MEAN_SIGMA:
            return ops.mean_sigma_range(values, sigmas=sigmas)
        case Observer.ACIQ:
            return aciq_range(values)
