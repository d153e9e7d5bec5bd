"""``quantize_weight``: the codes and scales that a recipe gives a Linear's weight."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import CodeArray, Float32Array, RealArray


class QuantizedWeight(NamedTuple):
    """Codes, and one scale for each output channel."""

    codes: CodeArray
    scale: Float32Array


def quantize_weight(weight: RealArray, recipe: Recipe | str) -> QuantizedWeight:
    """
    Quantise a weight symmetrically, with one scale for each output channel.

    The largest magnitude of a channel gets the code 127 or -127; with ``w7a8-static`` 64 or -64.

    Parameters
    ----------
    weight : float [out_features, in_features]
        Dense; a block-sparse one with its zeros, which get the code 0.
    recipe : Recipe, or its name

    Returns
    -------
    codes : int8 [out_features, in_features]
    scale : float32 [out_features]
        Fresh memory.

    Raises
    ------
    UnsupportedError
        The recipe does not exist, or is ``fp32``, which has no codes.
    RangeError
        A weight is not finite.
    DTypeError
        The weight is not float.

    Examples
    --------
    >>> quantize_weight(np.float32([[64, -0.5, 1.5]]), "w7a8-static").codes.tolist()
    [[64, 0, 2]]
    """
    recipe = Recipe(recipe)
    if recipe is Recipe.FP32:
        raise UnsupportedError(f"recipe {recipe}: its weights have no codes; expected one that quantises them")
    scale = ops.symmetric_scale(np.abs(weight).max(axis=1, initial=0), largest_code=recipe.largest_weight_code)
    return QuantizedWeight(ops.quantize(weight, scale, np.zeros(len(weight), np.int8), axis=0), scale)
