"""Bound of ``matmul``: docs/derivations/matmul.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import gamma, rounding
from distilspec.reference import ops as reference
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array


def matmul(a: Operand, b: Operand) -> Bounded:
    """Bound a product: what ``moved_product`` says, and gamma(K) of its magnitude, for sums of K terms in any order."""
    a, b = read(a), read(b)
    moved, magnitude = moved_product(a, b)
    terms = a.shape[-1]
    error = moved + rounding(magnitude, gamma(terms), 2 * terms)
    return result(reference.matmul(a.value, b.value), error, magnitude * (1 + gamma(terms)), a, b)


@np.errstate(all="ignore")
def moved_product(a: Bounded, b: Bounded) -> tuple[Float64Array, Float64Array]:
    """Return how far a real product moves, e_a @ |b| + (|a| + e_a) @ e_b, and (|a| + e_a) @ (|b| + e_b)."""
    size_a, size_b = np.abs(real(a.value)) + a.error, np.abs(real(b.value))
    magnitude = size_a @ size_b
    moved = a.error @ size_b if a.error.any() else np.zeros_like(magnitude)
    if b.error.any():
        moved = moved + size_a @ b.error
        magnitude = magnitude + size_a @ b.error
    return moved, magnitude
