"""Bound of ``gelu``: docs/derivations/gelu.md."""

from __future__ import annotations

import numpy as np
from scipy import special

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import BUDGET, UNIT, gamma, rounding
from distilspec.conformance.bounds.taylor import moved
from distilspec.reference import ops as reference
from distilspec.reference.arith import real

STEEPEST, CURVATURE = 1.13, 0.8


@np.errstate(all="ignore")
def gelu(x: Operand) -> Bounded:
    """
    Bound x * (1 + erf(x / sqrt(2))) / 2.

    Its Taylor bound, |x| / 2 times the error of 1 + erf, and two products. Far below 0 the sum 1 + erf cancels, so that
    the error is a share of x and not of the result. Near 0 the sum hides the relative error of erf, so that its 8 ulp
    are everywhere those of a number in [1 / 2, 1), which are u each.
    """
    x = read(x)
    value, at = reference.gelu(x.value), real(x.value)
    phi = special.ndtr(at)
    slope = phi + at * np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi)
    spread = moved(x.error, slope, steepest=STEEPEST, curvature=CURVATURE)
    size, length = np.abs(value) + spread, np.abs(at) + x.error
    nearest_zero = np.maximum(np.abs(at) - x.error, 0.0)
    density = np.sqrt(2 / np.pi) * np.exp(-(nearest_zero**2) / 2)
    argument = np.where(density > 0, density * length * gamma(3), 0.0)
    erf_error = argument + BUDGET * UNIT + UNIT * 2 * special.ndtr(at + x.error)
    error = spread + rounding(length / 2, erf_error, 2) + rounding(size, gamma(2), 2)
    limit = np.isneginf(at) & (x.error == 0)  # GELU-S2
    return result(value, np.where(limit, 0.0, error), np.where(limit, 0.0, length + error), x)
