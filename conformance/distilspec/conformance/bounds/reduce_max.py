"""Bound of ``reduce_max``: docs/derivations/elementwise.md."""

from __future__ import annotations

from distilspec.conformance.bounds.bounded import Bounded, Operand, read
from distilspec.conformance.bounds.hull import around
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


def reduce_max(x: Operand, *, axes: tuple[int, ...], keepdims: bool = True) -> Bounded:
    """Bound the largest element: the hull of that of both ends, without rounding."""
    x = read(x)
    value, low, high = (
        reference.reduce_max(end, axes=axes, keepdims=keepdims)
        for end in (x.value, real(x.value) - x.error, real(x.value) + x.error)
    )
    return around(value, low, high, x)
