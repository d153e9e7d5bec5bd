"""Bound of ``symmetric_scale``: docs/derivations/dynamic_quantize.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift
from distilspec.conformance.bounds.model import TINY, gamma, rounding
from distilspec.reference import ops as reference
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array


def symmetric_scale(largest: Operand, *, largest_code: int = 127) -> Bounded:
    """Bound largest / largest_code as ``divided`` says."""
    largest = lift(largest)
    value = reference.symmetric_scale(largest.value, largest_code=largest_code)
    return Bounded(value, divided(largest, largest_code))


def divided(distance: Bounded, steps: int) -> Float64Array:
    """
    Return the error of a scale that is distance / steps in float32: 8 roundings, the reference's own among them.

    Where the quotient may be subnormal, published rules give it or 1, so that the scale may be off by 1 at least.
    """
    quotient, moved = real(distance.value) / steps, distance.error / steps
    error = moved + rounding(quotient + moved, gamma(8))
    disputed = (quotient + error > 0) & (quotient - error < TINY)
    return np.where(disputed, np.maximum(error, 1.0), error)
