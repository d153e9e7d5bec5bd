"""Bound of ``gelu_tanh``: docs/derivations/gelu_tanh.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import gamma, rounding
from distilspec.conformance.bounds.sigmoid import sigmoid_rounding
from distilspec.conformance.bounds.taylor import moved
from distilspec.reference import ops as reference
from distilspec.reference.arith import real

STEEPEST, CURVATURE = 1.13, 0.8

#: Beyond this argument the slope is 0 or 1 up to 2**-40.
FAR = 12.0


@np.errstate(all="ignore")
def gelu_tanh(x: Operand) -> Bounded:
    """
    Bound x * sigmoid(2 u) with u = sqrt(2 / pi) * (x + 0.044715 * x**3).

    Its Taylor bound, |x| times the error of the sigmoid whose argument has 8 roundings, and two products.
    """
    x = read(x)
    value, at = reference.gelu_tanh(x.value), real(x.value)
    near = np.clip(at, -FAR, FAR)
    inner = np.sqrt(2 / np.pi) * (near + 0.044715 * near**3)
    inner_slope = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * near**2)
    slope = (1 + np.tanh(inner)) / 2 + near * inner_slope / (2 * np.cosh(inner) ** 2)
    spread = moved(x.error, slope, steepest=STEEPEST, curvature=CURVATURE)
    size, length = np.abs(value) + spread, np.abs(at) + x.error
    reach = 2 * np.sqrt(2 / np.pi) * (1 + 0.044715 * 3 * length**2) * x.error
    double = 2 * np.sqrt(2 / np.pi) * (at + 0.044715 * at**3)
    share_error = sigmoid_rounding(double, reach, float(gamma(8)))
    error = spread + rounding(length, share_error, 3) + rounding(size, gamma(2), 2)
    limit = np.isneginf(at) & (x.error == 0)  # GELUT-S3
    return result(value, np.where(limit, 0.0, error), np.where(limit, 0.0, length + error), x)
