"""Bound of ``where``: docs/derivations/elementwise.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


@np.errstate(all="ignore")
def where(condition: Operand, a: Operand, b: Operand) -> Bounded:
    """Bound a choice: the error of the element taken, and the hull of both where the condition is undecided."""
    condition, a, b = lift(condition), lift(a), lift(b)
    value = reference.where(condition.value, a.value, b.value)
    taken = np.where(condition.value, a.error, b.error)
    apart = np.abs(real(a.value) - real(b.value)) + a.error + b.error
    hull = np.where(np.isnan(apart), np.inf, apart)
    return Bounded(value, np.where(condition.error > 0, hull, taken))
