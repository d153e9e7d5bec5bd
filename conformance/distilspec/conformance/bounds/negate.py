"""Bound of ``negate``: docs/derivations/elementwise.md."""

from __future__ import annotations

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift
from distilspec.reference import ops as reference


def negate(x: Operand) -> Bounded:
    """Bound a change of sign: no rounding."""
    x = lift(x)
    return Bounded(reference.negate(x.value), x.error)
