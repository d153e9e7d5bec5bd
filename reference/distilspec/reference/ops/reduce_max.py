"""``reduce_max``: largest element over axes."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import number
from distilspec.reference.contract.checks import expect_alike, expect_axes
from distilspec.reference.contract.types import Float64Array, Int64Array, NumberArray


def reduce_max(x: NumberArray, *, axes: tuple[int, ...], keepdims: bool = True) -> Float64Array | Int64Array:
    """
    Take the largest element over some axes.

    RMAX-C1  x is float32, float64 or int64
    RMAX-C2  axes holds one or more different axes of x; negative ones count from the last
    RMAX-S1  y = largest element of x over axes   (float64, or int64 for int64)
    RMAX-S2  y = NaN if there is a NaN among them
    RMAX-S3  over no elements, y = -inf for floats, and the lowest int64 for int64
    RMAX-S4  each of axes stays with size 1 if keepdims, and vanishes otherwise

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
        RMAX-C1.
    RangeError
        RMAX-C2.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    NaN wins (RMAX-S2). The sign of the zero is unspecified where both zeros are largest.

    Source
    ------
    ONNX ReduceMax with axes given, whose value over no elements this is; numpy.max.

    Examples
    --------
    >>> reduce_max(np.float32([[1, np.nan], [3, 2]]), axes=(1,), keepdims=False)
    array([nan,  3.])
    >>> reduce_max(np.zeros((2, 0)), axes=(1,)).tolist()
    [[-inf], [-inf]]
    """
    expect_alike("reduce_max", ("float32", "float64", "int64"), clause="RMAX-C1", x=x)
    expect_axes("reduce_max", axes, x.ndim, clause="RMAX-C2")
    start = np.iinfo(np.int64).min if x.dtype == np.int64 else -np.inf  # RMAX-S3
    y: Float64Array | Int64Array
    y = number(x).max(axis=axes, keepdims=keepdims, initial=start)  # RMAX-S1, RMAX-S2, RMAX-S4
    return y
