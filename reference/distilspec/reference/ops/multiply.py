"""``multiply``: product of two tensors."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import number
from distilspec.reference.contract.checks import expect_alike, expect_broadcastable
from distilspec.reference.contract.types import Float64Array, Int64Array, NumberArray


def multiply(a: NumberArray, b: NumberArray) -> Float64Array | Int64Array:
    """
    Multiply two tensors element by element.

    MUL-C1  a and b are both floating point (float32 or float64), or both int64
    MUL-C2  the shapes of a and b broadcast: aligned from the last axis, sizes are equal or one of them is 1
    MUL-S1  y = a * b   (real numbers)
    MUL-S2  the same formula for int64   (exact integers; result int64)

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
        MUL-C1.
    ShapeError
        MUL-C2.

    Accuracy
    --------
    Real value; a float32 runtime stays within one rounding of it. int64 is exact.

    Special values
    --------------
    Floats follow IEEE 754: 0 * inf gives NaN, and the signs of zeros multiply.
    An int64 result that does not fit into 64 bits is unspecified.

    Source
    ------
    ONNX Mul; numpy.multiply.

    Examples
    --------
    Products of float32 values are exact in float64, products of int64 values are exact:

    >>> multiply(np.float32([16777215]), np.float32([16777215])).tolist()
    [281474943156225.0]
    >>> multiply(np.int64([3037000499]), np.int64([3037000499]))
    array([9223372030926249001])
    """
    expect_alike("multiply", ("float32", "float64", "int64"), clause="MUL-C1", a=a, b=b)
    expect_broadcastable("multiply", clause="MUL-C2", a=a.shape, b=b.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        product: Float64Array | Int64Array = number(a) * number(b)  # MUL-S1, MUL-S2
    return product
