"""``greater``: element by element order."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect_alike, expect_broadcastable
from distilspec.reference.contract.types import Array, BoolArray

_NUMBERS = ("float32", "float64", "int64", "int32", "uint8", "int8")


def greater(a: Array, b: Array) -> BoolArray:
    """
    Say for every element whether the first tensor holds the larger value.

    GT-C1  a and b are both floating point (float32 or float64), or have the same integer dtype
    GT-C2  the shapes of a and b broadcast: aligned from the last axis, sizes are equal or one of them is 1
    GT-S1  y = (a > b)   (exact comparison of values; float32 is widened, never float64 narrowed)
    GT-S2  NaN is not larger than anything, nor anything than NaN; 0 and -0 are equal   (IEEE 754)

    Parameters
    ----------
    a : float or integer [...]
    b : as a [...]

    Returns
    -------
    bool [...]
        Has the broadcast shape; fresh memory.

    Raises
    ------
    DTypeError
        GT-C1.
    ShapeError
        GT-C2.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    GT-S2; infinities are ordered as in IEEE 754.

    Source
    ------
    ONNX Greater; numpy.greater.

    Examples
    --------
    Neighbours in int64 are the same in float64, and the float32 of 0.1 is larger than 0.1:

    >>> greater(np.int64([2**53 + 1]), np.int64([2**53]))
    array([ True])
    >>> greater(np.float32([0.1, 0.0, np.nan]), np.array([0.1, -0.0, 0.0]))
    array([ True, False, False])
    """
    expect_alike("greater", _NUMBERS, clause="GT-C1", a=a, b=b)
    expect_broadcastable("greater", clause="GT-C2", a=a.shape, b=b.shape)
    return a > b  # GT-S1, GT-S2
