"""Bound of ``equal``: docs/derivations/elementwise.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read
from distilspec.reference import ops as reference
from distilspec.reference.arith import real
from distilspec.reference.contract.types import BoolArray


def equal(a: Operand, b: Operand) -> Bounded:
    """Bound a comparison: undecided where the difference is within both errors."""
    a, b = read(a), read(b)
    value = reference.equal(a.value, b.value)
    return Bounded(value, np.where(undecided(a, b), 1.0, 0.0))


@np.errstate(all="ignore")
def undecided(a: Bounded, b: Bounded) -> BoolArray:
    """Return where two uncertain numbers may compare either way."""
    spread = a.error + b.error
    return (spread > 0) & ~(np.abs(real(a.value) - real(b.value)) > spread)
