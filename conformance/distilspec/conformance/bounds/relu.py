"""Bound of ``relu``: docs/derivations/elementwise.md."""

from __future__ import annotations

from distilspec.conformance.bounds.bounded import Bounded, Operand, read
from distilspec.conformance.bounds.hull import around
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


def relu(x: Operand) -> Bounded:
    """Bound max(x, 0): the hull of both ends, without rounding."""
    x = read(x)
    ends = (reference.relu(real(x.value) - x.error), reference.relu(real(x.value) + x.error))
    return around(reference.relu(x.value), *ends, x)
