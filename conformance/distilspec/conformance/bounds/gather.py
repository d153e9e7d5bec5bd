"""Bound of ``gather``: docs/derivations/elementwise.md."""

from __future__ import annotations

from distilspec.conformance.bounds.bounded import Bounded, Operand, decided, lift
from distilspec.reference import ops as reference


def gather(x: Operand, indices: Operand, *, axis: int = 0) -> Bounded:
    """Bound a choice of elements: the errors of those that are taken."""
    x, at = lift(x), decided("gather", "indices", indices)
    return Bounded(reference.gather(x.value, at, axis=axis), reference.gather(x.error, at, axis=axis))
