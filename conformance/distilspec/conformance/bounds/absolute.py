"""Bound of ``absolute``: docs/derivations/elementwise.md."""

from __future__ import annotations

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift
from distilspec.reference import ops as reference


def absolute(x: Operand) -> Bounded:
    """Bound a magnitude: it moves no farther than x, and is not rounded."""
    x = lift(x)
    return Bounded(reference.absolute(x.value), x.error)
