"""``add``: sum of two tensors."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import number
from distilspec.reference.contract.checks import expect_alike, expect_broadcastable
from distilspec.reference.contract.types import Float64Array, Int64Array, NumberArray


def add(a: NumberArray, b: NumberArray) -> Float64Array | Int64Array:
    """
    Add two tensors element by element.

    ADD-C1  a and b are both floating point (float32 or float64), or both int64
    ADD-C2  the shapes of a and b broadcast: aligned from the last axis, sizes are equal or one of them is 1
    ADD-S1  y = a + b   (real numbers)
    ADD-S2  the same formula for int64   (exact integers; result int64)

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
        ADD-C1.
    ShapeError
        ADD-C2.

    Accuracy
    --------
    Real value; a float32 runtime stays within one rounding of it. int64 is exact.

    Special values
    --------------
    Floats follow IEEE 754: inf + -inf gives NaN. An int64 result that does not fit into 64 bits is unspecified.

    Source
    ------
    ONNX Add; numpy.add.

    Examples
    --------
    A float32 sum would lose the second operand, and a float64 sum of integers too:

    >>> add(np.float32([2.0**24]), np.float32([1]))
    array([16777217.])
    >>> add(np.int64([2**53]), np.int64([1]))
    array([9007199254740993])
    """
    expect_alike("add", ("float32", "float64", "int64"), clause="ADD-C1", a=a, b=b)
    expect_broadcastable("add", clause="ADD-C2", a=a.shape, b=b.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        total: Float64Array | Int64Array = number(a) + number(b)  # ADD-S1, ADD-S2
    return total
