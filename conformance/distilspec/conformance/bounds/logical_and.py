"""Bound of ``logical_and``: docs/derivations/elementwise.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift
from distilspec.reference import ops as reference


def logical_and(a: Operand, b: Operand) -> Bounded:
    """Bound a combination: undecided where an operand is, unless the other one is a decided False."""
    a, b = lift(a), lift(b)
    settled = (~a.value & (a.error == 0)) | (~b.value & (b.error == 0))
    open_ = (a.error + b.error > 0) & ~settled
    return Bounded(reference.logical_and(a.value, b.value), np.where(open_, 1.0, 0.0))
