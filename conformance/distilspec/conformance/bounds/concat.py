"""Bound of ``concat``: docs/derivations/elementwise.md."""

from __future__ import annotations

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift
from distilspec.reference import ops as reference


def concat(*tensors: Operand, axis: int) -> Bounded:
    """Bound a concatenation: errors move with their elements."""
    lifted = [lift(tensor) for tensor in tensors]
    return Bounded(
        reference.concat(*(tensor.value for tensor in lifted), axis=axis),
        reference.concat(*(tensor.error for tensor in lifted), axis=axis),
    )
