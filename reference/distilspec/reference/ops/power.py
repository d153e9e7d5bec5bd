"""``power``: one tensor to the power of another."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_broadcastable, expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def power(a: RealArray, b: RealArray) -> Float64Array:
    """
    Raise the first tensor to the power of the second, element by element.

    POW-C1  a and b are float32 or float64
    POW-C2  the shapes of a and b broadcast: aligned from the last axis, sizes are equal or one of them is 1
    POW-S1  y = a ** b   (real numbers)
    POW-S2  y = 1 where b = 0 or a = 1, a NaN on the other side included   (IEEE 754 pow)
    POW-S3  a finite a < 0 with a finite b that is no integer gives NaN   (IEEE 754 pow)
    POW-S4  a = 0 with b < 0 gives an infinity, negative only for a = -0 and an odd integer b   (IEEE 754 pow)

    Parameters
    ----------
    a : float [...]
    b : float [...]

    Returns
    -------
    float64 [...]
        Has the broadcast shape; fresh memory.

    Raises
    ------
    DTypeError
        POW-C1.
    ShapeError
        POW-C2.

    Accuracy
    --------
    Real value; the reference stays within 4 ulp of float64.

    Special values
    --------------
    Those of IEEE 754 pow, of which POW-S2 to POW-S4 name the ones that programs meet.

    Source
    ------
    ONNX Pow on floats; numpy.power; IEEE 754-2019 section 9.2.1 for the special values.

    Examples
    --------
    The cube of the tanh form of GELU needs negative bases; a power through exp and log has none:

    >>> power(np.float32([-2, -8, -0.0, np.nan]), np.float32([3, 1 / 3, -1, 0]))
    array([ -8.,  nan, -inf,   1.])
    """
    expect_float("power", "POW-C1", a=a, b=b)
    expect_broadcastable("power", clause="POW-C2", a=a.shape, b=b.shape)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        y: Float64Array = real(a) ** real(b)  # POW-S1 to POW-S4
    return y
