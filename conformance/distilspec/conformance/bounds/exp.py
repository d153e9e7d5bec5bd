"""Bound of ``exp``: docs/derivations/exp.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import BUDGET, TINY, ulps
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


@np.errstate(all="ignore")
def exp(x: Operand) -> Bounded:
    """Bound an exponential: exp(x + e) - exp(x), 8 ulp, and a flush; that of -infinity is exactly 0."""
    x = read(x)
    value = reference.exp(x.value)
    spread = np.where(x.error < 1, value * np.expm1(x.error), np.exp(real(x.value) + x.error) - value)
    spread = np.where(x.error > 0, spread, 0.0)
    size = value + spread
    flushed = np.where(np.isneginf(x.value), 0.0, TINY)
    return result(value, spread + ulps(BUDGET, size) + flushed, size, x)
