"""Bound of ``subtract``: docs/derivations/elementwise.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, rounded
from distilspec.reference import ops as reference


@np.errstate(all="ignore")
def subtract(a: Operand, b: Operand) -> Bounded:
    """Bound a difference: e_a + e_b, and one rounding."""
    a, b = read(a), read(b)
    return rounded(reference.subtract(a.value, b.value), a.error + b.error, a, b)
