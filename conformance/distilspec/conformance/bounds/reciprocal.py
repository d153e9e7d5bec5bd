"""Bound of ``reciprocal``: docs/derivations/elementwise.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift
from distilspec.conformance.bounds.divide import divide
from distilspec.reference import ops as reference


def reciprocal(x: Operand) -> Bounded:
    """Bound 1 / x as a quotient."""
    x = lift(x)
    return Bounded(reference.reciprocal(x.value), divide(np.ones(x.shape, np.float32), x).error)
