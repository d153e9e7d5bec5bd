"""Bound of ``silu``: docs/derivations/silu.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import UNIT, rounding
from distilspec.conformance.bounds.sigmoid import sigmoid_rounding
from distilspec.conformance.bounds.taylor import moved
from distilspec.reference import ops as reference
from distilspec.reference.arith import real

STEEPEST, CURVATURE = 1.1, 0.5


@np.errstate(all="ignore")
def silu(x: Operand) -> Bounded:
    """Bound x * sigmoid(x): its Taylor bound, |x| times the error of the sigmoid, and one product."""
    x = read(x)
    value, at = reference.silu(x.value), real(x.value)
    share = reference.sigmoid(at)
    slope = share * (1 + at * (1 - share))
    spread = moved(x.error, slope, steepest=STEEPEST, curvature=CURVATURE)
    size, length = np.abs(value) + spread, np.abs(at) + x.error
    error = spread + rounding(length, sigmoid_rounding(at, x.error)) + rounding(size, UNIT)
    limit = np.isneginf(at) & (x.error == 0)  # SILU-S2
    return result(value, np.where(limit, 0.0, error), np.where(limit, 0.0, length + error), x)
