"""Bound of ``power``: docs/derivations/elementwise.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import BUDGET, TINY, ulps
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


@np.errstate(all="ignore")
def power(a: Operand, b: Operand) -> Bounded:
    """
    Bound a power: its farthest value at the corners of both intervals, and 8 ulp.

    The corners hold the extremes where a is positive, and where b is an exact integer and a keeps its sign. An even
    power of an interval across zero reaches down to 0. Everything else that is uncertain is unbounded.
    """
    a, b = read(a), read(b)
    value = reference.power(a.value, b.value)
    base, exponent = real(a.value), real(b.value)
    corners = [(base + i * a.error) ** (exponent + j * b.error) for i in (-1, 1) for j in (-1, 1)]
    spread = np.max([np.abs(corner - value) for corner in corners], axis=0)
    whole = (b.error == 0) & (exponent >= 0) & (exponent == np.rint(exponent))
    across = np.abs(base) < a.error
    spread = np.where(whole & across, np.maximum(spread, np.abs(value)), spread)
    certain = (a.error == 0) & (b.error == 0)
    monotone = (base > a.error) | whole | ((b.error == 0) & (exponent == np.rint(exponent)) & ~across)
    spread = np.where(certain, 0.0, spread)
    size = np.abs(value) + spread
    bounded = result(value, spread + ulps(BUDGET, size) + np.where(size > 0, TINY, 0.0), size, a, b)
    return Bounded(value, np.where(certain | monotone, bounded.error, np.inf))
