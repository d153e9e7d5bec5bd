"""``minimum``: smaller of two tensors."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import number
from distilspec.reference.contract.checks import expect_alike, expect_broadcastable
from distilspec.reference.contract.types import Float64Array, Int64Array, NumberArray


def minimum(a: NumberArray, b: NumberArray) -> Float64Array | Int64Array:
    """
    Take the smaller of two tensors, element by element.

    MIN-C1  a and b are both floating point (float32 or float64), or both int64
    MIN-C2  the shapes of a and b broadcast: aligned from the last axis, sizes are equal or one of them is 1
    MIN-S1  y = a if a < b else b   (real numbers)
    MIN-S2  the same formula for int64   (exact integers; result int64)
    MIN-S3  y = NaN where a or b is NaN

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
        MIN-C1.
    ShapeError
        MIN-C2.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    NaN wins (MIN-S3). The sign of the zero is unspecified where a = 0 and b = -0.

    Source
    ------
    ONNX Min with two operands; numpy.minimum.

    Examples
    --------
    >>> minimum(np.float32([1, np.nan, np.inf]), np.float32([2, 0, np.nan]))
    array([ 1., nan, nan])
    >>> minimum(np.int64([2**53 + 1]), np.int64([2**53]))
    array([9007199254740992])
    """
    expect_alike("minimum", ("float32", "float64", "int64"), clause="MIN-C1", a=a, b=b)
    expect_broadcastable("minimum", clause="MIN-C2", a=a.shape, b=b.shape)
    smaller: Float64Array | Int64Array = np.minimum(number(a), number(b))  # MIN-S1, MIN-S2, MIN-S3
    return smaller
