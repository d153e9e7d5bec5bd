"""Bound of ``divide``: docs/derivations/elementwise.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import DIVISION, TINY
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


@np.errstate(all="ignore")
def divide(a: Operand, b: Operand) -> Bounded:
    """Bound a quotient: (e_a + |a / b| e_b) / (|b| - e_b), and 2 ulp; unbounded where b may be zero."""
    a, b = read(a), read(b)
    value = reference.divide(a.value, b.value)
    nearest_zero = np.abs(real(b.value)) - b.error
    spread = np.where(a.error + b.error > 0, (a.error + np.abs(value) * b.error) / nearest_zero, 0.0)
    size = np.abs(value) + spread
    flushed = np.where(size > 0, (1 + np.abs(real(a.value)) + a.error) * TINY, 0.0)
    quotient = result(value, spread + DIVISION * size + flushed, size, a, b)
    return Bounded(value, np.where((nearest_zero <= 0) & (a.error + b.error > 0), np.inf, quotient.error))
