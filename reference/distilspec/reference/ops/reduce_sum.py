"""``reduce_sum``: sum over axes."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import number
from distilspec.reference.contract.checks import expect_alike, expect_axes
from distilspec.reference.contract.types import Float64Array, Int64Array, NumberArray


def reduce_sum(x: NumberArray, *, axes: tuple[int, ...], keepdims: bool = True) -> Float64Array | Int64Array:
    """
    Sum over some axes.

    RSUM-C1  x is float32, float64 or int64
    RSUM-C2  axes holds one or more different axes of x; negative ones count from the last
    RSUM-S1  y = sum of x over axes; 0 over no elements   (real numbers)
    RSUM-S2  the same formula for int64   (exact integers; result int64)
    RSUM-S3  each of axes stays with size 1 if keepdims, and vanishes otherwise

    Parameters
    ----------
    x : float or int64 [...]
    axes : tuple of int
    keepdims : bool

    Returns
    -------
    float64 or int64 [...]
        Fresh memory.

    Raises
    ------
    DTypeError
        RSUM-C1.
    RangeError
        RSUM-C2.

    Accuracy
    --------
    Real value; a float32 runtime stays within gamma(n) * sum of |x|, for n elements to a sum. int64 is exact.

    Special values
    --------------
    NaN and infinities follow IEEE 754 sums. An int64 result that does not fit into 64 bits is unspecified.

    Source
    ------
    ONNX ReduceSum with axes given; numpy.sum.

    Examples
    --------
    A float32 sum from left to right stops growing at 2**24:

    >>> reduce_sum(np.float32([[2**24, 1, 1]]), axes=(-1,)).tolist()
    [[16777218.0]]
    """
    expect_alike("reduce_sum", ("float32", "float64", "int64"), clause="RSUM-C1", x=x)
    expect_axes("reduce_sum", axes, x.ndim, clause="RSUM-C2")
    with np.errstate(over="ignore", invalid="ignore"):
        y: Float64Array | Int64Array = number(x).sum(axis=axes, keepdims=keepdims)  # RSUM-S1, RSUM-S2, RSUM-S3
    return y
