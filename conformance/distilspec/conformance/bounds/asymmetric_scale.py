"""Bound of ``asymmetric_scale``: docs/derivations/dynamic_quantize.md."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift
from distilspec.conformance.bounds.maximum import maximum as larger
from distilspec.conformance.bounds.minimum import minimum as smaller
from distilspec.conformance.bounds.quantize import rounded_quotient
from distilspec.conformance.bounds.symmetric_scale import divided
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


class AsymmetricScale(NamedTuple):
    """Scale and zero point of an unsigned 8-bit range, each with its error."""

    scale: Bounded
    zero_point: Bounded


def asymmetric_scale(minimum: Operand, maximum: Operand) -> AsymmetricScale:
    """Bound (high - low) / 255 as ``divided`` says, and the zero point by where -low / scale may round."""
    low, high = lift(minimum), lift(maximum)
    value, zero = reference.asymmetric_scale(low.value, high.value)
    low, high = smaller(low, np.zeros((), np.float32)), larger(high, np.zeros((), np.float32))
    distance = Bounded(real(high.value) - real(low.value), low.error + high.error)
    scale = Bounded(value, divided(distance, 255))
    lowest, highest = rounded_quotient(Bounded(-low.value, low.error), scale)
    code = real(zero)
    error = np.maximum(np.clip(highest, 0, 255) - code, code - np.clip(lowest, 0, 255))
    return AsymmetricScale(scale, Bounded(zero, np.maximum(error, 0.0)))
