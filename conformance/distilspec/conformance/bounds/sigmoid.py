"""Bound of ``sigmoid``: docs/derivations/sigmoid.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import BUDGET, DIVISION, EXP, TINY, UNIT, accumulated, ulps
from distilspec.reference import ops as reference
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array


@np.errstate(all="ignore")
def sigmoid(x: Operand) -> Bounded:
    """Bound a logistic function: e times its slope at the point of the interval next to 0, and ``sigmoid_rounding``."""
    x = read(x)
    value = reference.sigmoid(x.value)
    nearest_zero = np.maximum(np.abs(real(x.value)) - x.error, 0.0)
    slope = np.cosh(nearest_zero / 2) ** -2.0 / 4
    spread = np.where(x.error > 0, np.minimum(slope * x.error, np.maximum(value, 1 - value)), 0.0)
    peak = np.where(np.isnan(real(x.value)), np.nan, 1.0)
    return result(value, spread + sigmoid_rounding(real(x.value), x.error), peak, x)


@np.errstate(all="ignore")
def sigmoid_rounding(x: Float64Array, error: Float64Array, relative: float = 0.0) -> Float64Array:
    """
    Return the error of evaluating sigmoid within x - error to x + error, when x has a ``relative`` error of its own.

    The larger one of two forms: 1 / (1 + exp(-x)), and (1 + tanh(x / 2)) / 2, which does not vanish for x far below 0.
    """
    largest = 1 / (1 + np.exp(-(x + error)))
    largest_rest = 1 / (1 + np.exp(x - error))
    nearest_zero = np.maximum(np.abs(x) - error, 0.0)
    slope = np.cosh(nearest_zero / 2) ** -2.0 / 4
    argument = np.where(slope > 0, slope * (np.abs(x) + error) * relative, 0.0)
    through_exp = largest * accumulated(largest_rest * EXP + UNIT + DIVISION)
    saturated = np.minimum(np.tanh((np.abs(x) + error) / 2), 1 - UNIT)
    through_tanh = ulps(BUDGET, saturated) / 2 + largest * UNIT
    return accumulated(argument) + np.maximum(through_exp, through_tanh) + TINY
