"""Bound of ``logical_not``: docs/derivations/elementwise.md."""

from __future__ import annotations

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift
from distilspec.reference import ops as reference


def logical_not(x: Operand) -> Bounded:
    """Bound a negation: undecided where x is."""
    x = lift(x)
    return Bounded(reference.logical_not(x.value), x.error)
