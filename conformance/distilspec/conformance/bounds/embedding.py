"""Bound of ``embedding``: docs/derivations/elementwise.md."""

from __future__ import annotations

from distilspec.conformance.bounds.bounded import Bounded, Operand, decided, lift
from distilspec.reference import ops as reference


def embedding(input_ids: Operand, weight: Operand) -> Bounded:
    """Bound a look-up: the error of the row that is taken."""
    ids, weight = decided("embedding", "input_ids", input_ids), lift(weight)
    return Bounded(reference.embedding(ids, weight.value), reference.embedding(ids, weight.error))
