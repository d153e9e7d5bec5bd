"""Bound of ``l2_normalize``: docs/derivations/l2_normalize.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import (
    DIVISION,
    SQUARE_ROOT,
    TINY,
    UNIT,
    accumulated,
    gamma,
    rounding,
    roundings,
)
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


@np.errstate(all="ignore")
def l2_normalize(x: Operand, *, axis: int = -1, epsilon: float = 1e-12) -> Bounded:
    """
    Bound a division by the Euclidean length s, at least epsilon.

    The real result moves by (e + |y| g) / (s - g) where s moves by g, the length of e. Rounding is a share of it: half
    of that of the sum of squares, a root and a division. Squares that are flushed to zero move s as e does.
    """
    x = read(x)
    value = reference.l2_normalize(x.value, axis=axis, epsilon=epsilon)
    at, n = real(x.value), x.shape[axis]
    length = np.sqrt((at**2).sum(axis=axis, keepdims=True))
    divisor = np.maximum(length, epsilon)
    flushed = np.where(length > 0, np.minimum(np.sqrt(2 * n * TINY), 2 * n * TINY / length), 0.0)
    moved_length = np.sqrt((x.error**2).sum(axis=axis, keepdims=True)) + flushed
    narrowest = np.maximum(divisor - moved_length, epsilon)
    moved = np.minimum((x.error + np.abs(value) * moved_length) / narrowest, 1 + np.abs(value))
    moved = np.where(x.error + moved_length > 0, moved, 0.0)
    size = np.abs(value) + moved
    relative = accumulated(roundings(n + 2) / 2 + SQUARE_ROOT + DIVISION + UNIT)
    squares = ((np.abs(at) + x.error) ** 2).sum(axis=axis, keepdims=True)
    flushed_quotient = (1 + np.abs(at) + x.error) * TINY
    error = moved + rounding(size, relative, 1) + np.where(size > 0, flushed_quotient, 0.0)
    return result(value, error, np.maximum(size, squares * (1 + gamma(n))), x)
