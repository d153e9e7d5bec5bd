"""``equal``: element by element comparison."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect_alike, expect_broadcastable
from distilspec.reference.contract.types import ELEMENT_TYPES, Array, BoolArray


def equal(a: Array, b: Array) -> BoolArray:
    """
    Say for every element whether the two tensors hold the same value.

    EQ-C1  a and b are both floating point (float32 or float64), or have the same dtype
    EQ-C2  the shapes of a and b broadcast: aligned from the last axis, sizes are equal or one of them is 1
    EQ-S1  y = (a == b)   (exact comparison of values; float32 is widened, never float64 narrowed)
    EQ-S2  NaN equals nothing, itself included; -0 equals 0   (IEEE 754)

    Parameters
    ----------
    a : any element type [...]
    b : as a [...]

    Returns
    -------
    bool [...]
        Has the broadcast shape; fresh memory.

    Raises
    ------
    DTypeError
        EQ-C1.
    ShapeError
        EQ-C2.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    EQ-S2; infinities equal themselves.

    Source
    ------
    ONNX Equal; numpy.equal.

    Examples
    --------
    Neighbours in int64 are the same in float64, and 0.1 is not the same in float32:

    >>> equal(np.int64([2**53]), np.int64([2**53 + 1]))
    array([False])
    >>> equal(np.float32([0.1, 0.5, np.nan]), np.array([0.1, 0.5, np.nan]))
    array([False,  True, False])
    """
    expect_alike("equal", ELEMENT_TYPES, clause="EQ-C1", a=a, b=b)
    expect_broadcastable("equal", clause="EQ-C2", a=a.shape, b=b.shape)
    same: BoolArray = a == b  # EQ-S1, EQ-S2
    return same
