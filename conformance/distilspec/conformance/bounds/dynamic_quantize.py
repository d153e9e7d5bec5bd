"""Bound of ``dynamic_quantize``: docs/derivations/dynamic_quantize.md."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from distilspec.conformance.bounds.asymmetric_scale import asymmetric_scale
from distilspec.conformance.bounds.bounded import Bounded, BoundedCodes, Operand, lift
from distilspec.conformance.bounds.hull import around
from distilspec.conformance.bounds.quantize import quantize
from distilspec.reference.arith import real


class DynamicQuantized(NamedTuple):
    """Codes, and the scale and zero point that were derived from the data, each with its error."""

    codes: BoundedCodes
    scale: Bounded
    zero_point: Bounded


def dynamic_quantize(x: Operand) -> DynamicQuantized:
    """Bound the range of x, the scale and zero point of that range, and the codes that they allow."""
    x = lift(x)
    at = real(x.value)
    ends = (at, at - x.error, at + x.error)
    low, least_low, most_low = (np.asarray(end.min(initial=0)) for end in ends)
    high, least_high, most_high = (np.asarray(end.max(initial=0)) for end in ends)
    scale, zero_point = asymmetric_scale(around(low, least_low, most_low, x), around(high, least_high, most_high, x))
    return DynamicQuantized(quantize(x, scale, zero_point), scale, zero_point)
