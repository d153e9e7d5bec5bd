"""``subtract``: difference of two tensors."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import number
from distilspec.reference.contract.checks import expect_alike, expect_broadcastable
from distilspec.reference.contract.types import Float64Array, Int64Array, NumberArray


def subtract(a: NumberArray, b: NumberArray) -> Float64Array | Int64Array:
    """
    Subtract the second tensor from the first, element by element.

    SUB-C1  a and b are both floating point (float32 or float64), or both int64
    SUB-C2  the shapes of a and b broadcast: aligned from the last axis, sizes are equal or one of them is 1
    SUB-S1  y = a - b   (real numbers)
    SUB-S2  the same formula for int64   (exact integers; result int64)

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
        SUB-C1.
    ShapeError
        SUB-C2.

    Accuracy
    --------
    Real value; a float32 runtime stays within one rounding of it. int64 is exact.

    Special values
    --------------
    Floats follow IEEE 754: inf - inf gives NaN. An int64 result that does not fit into 64 bits is unspecified.

    Source
    ------
    ONNX Sub; numpy.subtract.

    Examples
    --------
    Both differences need more digits than float32 has:

    >>> subtract(np.float32([1, 2**24]), np.float32([2.0**-30, -1])).tolist()
    [0.9999999990686774, 16777217.0]
    """
    expect_alike("subtract", ("float32", "float64", "int64"), clause="SUB-C1", a=a, b=b)
    expect_broadcastable("subtract", clause="SUB-C2", a=a.shape, b=b.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        difference: Float64Array | Int64Array = number(a) - number(b)  # SUB-S1, SUB-S2
    return difference
