"""``dynamic_quantize_token``: codes with one scale for each token, taken from its own values."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import round_to_float32
from distilspec.reference.contract.checks import expect_finite, expect_float, expect_rank
from distilspec.reference.contract.types import RealArray
from distilspec.reference.ops.dynamic_quantize import DynamicQuantized
from distilspec.reference.ops.quantize import quantize
from distilspec.reference.ops.symmetric_scale import symmetric_scale


def dynamic_quantize_token(x: RealArray) -> DynamicQuantized:
    """
    Quantize each row along the last axis to int8 by its own largest magnitude.

    DYNT-C1  x is float32 or float64
    DYNT-C2  x has at least one axis
    DYNT-C3  float32(x) is finite
    DYNT-S1  x32 = float32(x)   (round to nearest, ties to even)
    DYNT-S2  largest[..., 0] = max over i of |x32[..., i]|, or 0 when the axis is empty
    DYNT-S3  scale = largest / 127, or 1 where that is 0 or subnormal   (float32, as SYM-S1 and SYM-S2)
    DYNT-S4  codes = quantize(x32, scale, 0)   (as Q-S2 to Q-S4; int8)

    Parameters
    ----------
    x : float [..., features]

    Returns
    -------
    codes : int8 [..., features]
    scale : float32 [..., 1]
    zero_point : int8, scalar
        Always 0. Fresh memory.

    Raises
    ------
    DTypeError
        DYNT-C1.
    ShapeError
        DYNT-C2.
    RangeError
        DYNT-C3.

    Accuracy
    --------
    Exact. What a runtime may return that takes reciprocals is derived in docs/derivations/dynamic_quantize.md.

    Special values
    --------------
    A row of zeros gives scale 1. Codes lie in [-127, 127]. NaN and infinities are refused: they have no range.
    A row depends on no other row.

    Source
    ------
    CTranslate2's int8 layers and ITREX's dynamic path quantise activations by the largest magnitude of each token.

    Examples
    --------
    Each row has a scale of its own, and its largest magnitude never reaches -128:

    >>> codes, scale, _ = dynamic_quantize_token(np.float32([[-254, 1, 3], [0, 0, 0]]))
    >>> codes.tolist(), scale.tolist()
    ([[-127, 0, 2], [0, 0, 0]], [[2.0], [1.0]])
    """
    expect_float("dynamic_quantize_token", "DYNT-C1", x=x)
    expect_rank("dynamic_quantize_token", "x", x, 1, why="its last axis holds a token", clause="DYNT-C2")
    x32 = round_to_float32(x)  # DYNT-S1
    expect_finite("dynamic_quantize_token", "x", x32, why="a largest magnitude is a number", clause="DYNT-C3")
    largest = np.abs(x32).max(axis=-1, keepdims=True, initial=0)  # DYNT-S2
    scale = symmetric_scale(largest)  # DYNT-S3
    zero_point = np.zeros((), np.int8)
    return DynamicQuantized(quantize(x32, scale, zero_point), scale, zero_point)  # DYNT-S4
