"""Functions that no fraction gives: mpmath to 80 digits, as fractions again. Only the making of goldens needs them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from mpmath import mp  # type: ignore[import-untyped]

from distilspec.conformance.goldens.exact import Number

#: Decimal digits of every value, far beyond the 17 of the float64 that a golden keeps.
DIGITS = 80


def exp(x: Number) -> Fraction:
    """Return e to the power ``x``."""
    return _evaluate(mp.exp, x)


def sqrt(x: Number) -> Fraction:
    """Return the square root of ``x``."""
    return _evaluate(mp.sqrt, x)


def power(x: Number, y: Number) -> Fraction:
    """Return ``x`` to the power ``y``."""
    return _evaluate(mp.power, x, y)


def tanh(x: Number) -> Fraction:
    """Return the hyperbolic tangent of ``x``."""
    return _evaluate(mp.tanh, x)


def erf(x: Number) -> Fraction:
    """Return the error function of ``x``."""
    return _evaluate(mp.erf, x)


def normal_cdf(x: Number) -> Fraction:
    """Return the share of a normal distribution below ``x``, with all its digits far below 0 as well."""
    return _evaluate(mp.erfc, -Fraction(x) / sqrt(2)) / 2


def pi() -> Fraction:
    """Return the circle number."""
    return _evaluate(lambda: +mp.pi)


def _evaluate(function: Any, *arguments: Number) -> Fraction:
    with mp.workdps(DIGITS):
        fractions = [Fraction(argument) for argument in arguments]
        sign, mantissa, exponent, _ = function(*(mp.mpf(f.numerator) / f.denominator for f in fractions))._mpf_
    magnitude = int(mantissa) * Fraction(2) ** int(exponent)
    return -magnitude if sign else magnitude
