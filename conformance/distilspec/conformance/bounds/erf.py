"""Bound of ``erf``: docs/derivations/erf.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import BUDGET, TINY, UNIT, ulps
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


@np.errstate(all="ignore")
def erf(x: Operand) -> Bounded:
    """Bound an error function: e times its slope at the point of the interval next to 0, and 8 ulp."""
    x = read(x)
    value = reference.erf(x.value)
    nearest_zero = np.maximum(np.abs(real(x.value)) - x.error, 0.0)
    slope = 2 / np.sqrt(np.pi) * np.exp(-(nearest_zero**2))
    spread = np.where(x.error > 0, np.minimum(slope * x.error, 1 + np.abs(value)), 0.0)
    size = np.minimum(np.abs(value) + spread, 1 - UNIT)
    return result(value, spread + ulps(BUDGET, size) + np.where(size > 0, TINY, 0.0), size, x)
