"""``softmax``: exponentials that sum to one, over the kept entries of an axis."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_axis, expect_broadcast, expect_dtype, expect_float
from distilspec.reference.contract.types import BoolArray, Float64Array, RealArray


def softmax(x: RealArray, mask: BoolArray | None = None, *, axis: int = -1) -> Float64Array:
    """
    Divide the exponentials of the kept entries along an axis by their sum; a masked entry is zero.

    SM-C1  x is float32 or float64
    SM-C2  mask, when given, is bool; True keeps an entry
    SM-C3  mask broadcasts against x without enlarging it
    SM-C4  axis is an axis of x; a negative one counts from the last
    SM-S1  largest = the maximum of x over the kept entries along axis   (exact)
    SM-S2  e = exp(x - largest) where kept   (real numbers)
    SM-S3  y = e / (sum of e over the kept entries along axis) where kept   (real numbers)
    SM-S4  a masked entry is exactly 0, and what x holds there, NaN and infinities included, changes nothing
    SM-S5  a row without a kept entry is all zeros

    Parameters
    ----------
    x : float [...]
    mask : bool, broadcasts to x, optional
        Absent: every entry is kept.
    axis : int

    Returns
    -------
    float64 [...]
        Shape of x; fresh memory.

    Raises
    ------
    DTypeError
        x is not floating point, or mask not bool (SM-C1, SM-C2).
    ShapeError
        mask does not broadcast to x (SM-C3).
    RangeError
        axis does not exist (SM-C4).

    Accuracy
    --------
    Real value. With t = largest - x and n entries, y is here within a relative (t + 2 * n + 16) * 2**-53 until e is
    below 2**-1022; the bound of a float32 runtime is derived in docs/derivations/softmax.md.

    Special values
    --------------
    A kept NaN, a kept +infinity, or nothing kept but -infinity makes every kept entry of the row NaN.
    Another kept -infinity gives 0.

    Source
    ------
    Blanchard, Higham, Higham, Accurately Computing the Log-Sum-Exp and Softmax Functions (2021), algorithm 3.2.
    Frameworks differ on SM-S5: NaN, the uniform distribution or zeros.

    Examples
    --------
    Large entries do not overflow, a masked NaN does not leak, and a row without a kept entry is zero:

    >>> x = np.array([[1e300, 1e300, np.nan], [1.0, 2.0, 3.0]])
    >>> softmax(x, np.array([[True, True, False], [False, False, False]])).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    expect_float("softmax", "SM-C1", x=x)
    if mask is not None:
        expect_dtype("softmax", "mask", mask, ("bool",), why="True keeps an entry", clause="SM-C2")
        expect_broadcast("softmax", "mask", mask, x.shape, clause="SM-C3")
    expect_axis("softmax", "x", x, axis, clause="SM-C4")
    kept = np.broadcast_to(True if mask is None else mask, x.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        largest = np.max(real(x), axis=axis, keepdims=True, where=kept, initial=-np.inf)  # SM-S1
        e = np.exp(np.where(kept, real(x) - largest, -np.inf))  # SM-S2
        total = e.sum(axis=axis, keepdims=True)
        y: Float64Array = np.divide(e, total, out=np.zeros(x.shape), where=kept)  # SM-S3, SM-S4, SM-S5
    return y
