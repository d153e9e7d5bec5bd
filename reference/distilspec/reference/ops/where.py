"""``where``: elements of one tensor or another, chosen by a mask."""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.checks import expect_alike, expect_broadcastable, expect_dtype
from distilspec.reference.contract.types import ELEMENT_TYPES, Array, BoolArray


def where(condition: BoolArray, a: Array, b: Array) -> Array:
    """
    Take the element of ``a`` where the condition holds, and that of ``b`` elsewhere.

    WHERE-C1  condition is bool
    WHERE-C2  a and b are both floating point (float32 or float64), or have the same dtype
    WHERE-C3  the shapes of condition, a and b broadcast: aligned from the last axis, sizes are equal or 1
    WHERE-S1  y = a where condition, else b; the element that is not taken has no influence

    Parameters
    ----------
    condition : bool [...]
    a : any element type [...]
    b : as a [...]

    Returns
    -------
    dtype of a and b [...]
        float64 if they differ; has the broadcast shape; fresh memory.

    Raises
    ------
    DTypeError
        WHERE-C1, WHERE-C2.
    ShapeError
        WHERE-C3.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    NaN, infinities and -0 are taken as they are, and leave no trace where they are not taken.

    Source
    ------
    ONNX Where; numpy.where.

    Examples
    --------
    A choice by arithmetic, ``c * a + (1 - c) * b``, would let the NaN through:

    >>> where(np.array([True, False]), np.float32([-0.0, np.nan]), np.float32([np.inf, 2]))
    array([-0.,  2.], dtype=float32)
    """
    expect_dtype("where", "condition", condition, ("bool",), why="it chooses between two", clause="WHERE-C1")
    expect_alike("where", ELEMENT_TYPES, clause="WHERE-C2", a=a, b=b)
    expect_broadcastable("where", clause="WHERE-C3", condition=condition.shape, a=a.shape, b=b.shape)
    return np.where(condition, a, b)  # WHERE-S1
