"""Bound of ``multiply``: docs/derivations/elementwise.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, rounded
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


@np.errstate(all="ignore")
def multiply(a: Operand, b: Operand) -> Bounded:
    """Bound a product: |a| e_b + |b| e_a + e_a e_b, and one rounding."""
    a, b = read(a), read(b)
    spread = np.abs(real(a.value)) * b.error + np.abs(real(b.value)) * a.error + a.error * b.error
    return rounded(reference.multiply(a.value, b.value), spread, a, b)
