"""``maximum``: larger of two tensors."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import number
from distilspec.reference.contract.checks import expect_alike, expect_broadcastable
from distilspec.reference.contract.types import Float64Array, Int64Array, NumberArray


def maximum(a: NumberArray, b: NumberArray) -> Float64Array | Int64Array:
    """
    Take the larger of two tensors, element by element.

    MAX-C1  a and b are both floating point (float32 or float64), or both int64
    MAX-C2  the shapes of a and b broadcast: aligned from the last axis, sizes are equal or one of them is 1
    MAX-S1  y = a if a > b else b   (real numbers)
    MAX-S2  the same formula for int64   (exact integers; result int64)
    MAX-S3  y = NaN where a or b is NaN

    Parameters
    ----------
    a : float or int64 [...]
    b : float or int64 [...]

    Returns
    -------
    float64 or int64 [...]
        Has the broadcast shape; fresh memory.

    Raises
    ------
    DTypeError
        MAX-C1.
    ShapeError
        MAX-C2.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    NaN wins (MAX-S3). The sign of the zero is unspecified where a = 0 and b = -0.

    Source
    ------
    ONNX Max with two operands; numpy.maximum.

    Examples
    --------
    >>> maximum(np.float32([1, np.nan, np.inf]), np.float32([2, 0, np.nan]))
    array([ 2., nan, nan])
    >>> maximum(np.int64([2**53 + 1]), np.int64([2**53]))
    array([9007199254740993])
    """
    expect_alike("maximum", ("float32", "float64", "int64"), clause="MAX-C1", a=a, b=b)
    expect_broadcastable("maximum", clause="MAX-C2", a=a.shape, b=b.shape)
    larger: Float64Array | Int64Array = np.maximum(number(a), number(b))  # MAX-S1, MAX-S2, MAX-S3
    return larger
