"""Bound of ``greater``: docs/derivations/elementwise.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read
from distilspec.conformance.bounds.equal import undecided
from distilspec.reference import ops as reference


def greater(a: Operand, b: Operand) -> Bounded:
    """Bound a comparison: undecided where the difference is within both errors."""
    a, b = read(a), read(b)
    value = reference.greater(a.value, b.value)
    return Bounded(value, np.where(undecided(a, b), 1.0, 0.0))
