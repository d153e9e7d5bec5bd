"""``reduce_mean``: mean over axes."""

from __future__ import annotations

import math

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect, expect_axes, expect_float
from distilspec.reference.contract.errors import ShapeError
from distilspec.reference.contract.types import Float64Array, RealArray


def reduce_mean(x: RealArray, *, axes: tuple[int, ...], keepdims: bool = True) -> Float64Array:
    """
    Average over some axes.

    RMEAN-C1  x is float32 or float64
    RMEAN-C2  axes holds one or more different axes of x; negative ones count from the last
    RMEAN-C3  there is at least one element to each mean
    RMEAN-S1  y = (sum of x over axes) / n, with n = product of the sizes on axes   (real numbers)
    RMEAN-S2  each of axes stays with size 1 if keepdims, and vanishes otherwise

    Parameters
    ----------
    x : float [...]
    axes : tuple of int
    keepdims : bool

    Returns
    -------
    float64 [...]
        Fresh memory.

    Raises
    ------
    DTypeError
        RMEAN-C1.
    RangeError
        RMEAN-C2.
    ShapeError
        RMEAN-C3.

    Accuracy
    --------
    Real value; a float32 runtime stays within gamma(n + 1) * (sum of |x|) / n.

    Special values
    --------------
    NaN and infinities follow IEEE 754 sums.

    Source
    ------
    ONNX ReduceMean with axes given; numpy.mean. ONNX leaves the mean of nothing undefined, so RMEAN-C3 refuses it.

    Examples
    --------
    A sum that passes the largest float32 on its way to the mean:

    >>> reduce_mean(np.float32([[3e38, 3e38]]), axes=(-1,), keepdims=False) < 3.1e38
    array([ True])
    """
    expect_float("reduce_mean", "RMEAN-C1", x=x)
    expect_axes("reduce_mean", axes, x.ndim, clause="RMEAN-C2")
    expect(
        math.prod(x.shape[axis] for axis in axes) > 0,
        ShapeError,
        "reduce_mean",
        seen=f"x has shape {x.shape}",
        expected=f"one or more elements on axes {axes}",
        why="the mean of nothing is undefined",
        clause="RMEAN-C3",
    )
    with np.errstate(over="ignore", invalid="ignore"):
        y: Float64Array = real(x).mean(axis=axes, keepdims=keepdims)  # RMEAN-S1, RMEAN-S2
    return y
