"""Bound of ``dynamic_quantize_token``: docs/derivations/dynamic_quantize.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift
from distilspec.conformance.bounds.dynamic_quantize import DynamicQuantized
from distilspec.conformance.bounds.hull import around
from distilspec.conformance.bounds.quantize import quantize
from distilspec.conformance.bounds.symmetric_scale import symmetric_scale
from distilspec.reference.arith import real


def dynamic_quantize_token(x: Operand) -> DynamicQuantized:
    """Bound the largest magnitude of each token, its scale, and the codes that it allows; the zero point is 0."""
    x = lift(x)
    size = np.abs(real(x.value))
    largest, least, most = (
        end.max(axis=-1, keepdims=True, initial=0) for end in (size, size - x.error, size + x.error)
    )
    scale = symmetric_scale(around(largest, least, most, x))
    zero_point = Bounded.exact(np.zeros((), np.int8))
    return DynamicQuantized(quantize(x, scale, zero_point), scale, zero_point)
