"""``reduce_min``: smallest element over axes."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import number
from distilspec.reference.contract.checks import expect_alike, expect_axes
from distilspec.reference.contract.types import Float64Array, Int64Array, NumberArray


def reduce_min(x: NumberArray, *, axes: tuple[int, ...], keepdims: bool = True) -> Float64Array | Int64Array:
    """
    Take the smallest element over some axes.

    RMIN-C1  x is float32, float64 or int64
    RMIN-C2  axes holds one or more different axes of x; negative ones count from the last
    RMIN-S1  y = smallest element of x over axes   (float64, or int64 for int64)
    RMIN-S2  y = NaN if there is a NaN among them
    RMIN-S3  over no elements, y = inf for floats, and the highest int64 for int64
    RMIN-S4  each of axes stays with size 1 if keepdims, and vanishes otherwise

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
        RMIN-C1.
    RangeError
        RMIN-C2.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    NaN wins (RMIN-S2). The sign of the zero is unspecified where both zeros are smallest.

    Source
    ------
    ONNX ReduceMin with axes given, whose value over no elements this is; numpy.min.

    Examples
    --------
    >>> reduce_min(np.float32([[1, np.nan], [3, 2]]), axes=(1,), keepdims=False)
    array([nan,  2.])
    >>> reduce_min(np.zeros((2, 0)), axes=(1,)).tolist()
    [[inf], [inf]]
    """
    expect_alike("reduce_min", ("float32", "float64", "int64"), clause="RMIN-C1", x=x)
    expect_axes("reduce_min", axes, x.ndim, clause="RMIN-C2")
    start = np.iinfo(np.int64).max if x.dtype == np.int64 else np.inf  # RMIN-S3
    y: Float64Array | Int64Array
    y = number(x).min(axis=axes, keepdims=keepdims, initial=start)  # RMIN-S1, RMIN-S2, RMIN-S4
    return y
