"""Rational arithmetic for golden answers: Python integers and fractions, and nothing of the reference."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

#: What a source may use as a number; floats are taken at their exact value.
Number = int | float | Fraction

HALF = Fraction(1, 2)


def dot(a: Iterable[Number], b: Iterable[Number]) -> Fraction:
    """Return the exact sum of products."""
    return sum((Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True)), Fraction(0))


def round_half_even(value: Fraction) -> int:
    """
    Return the nearest integer, and the even one of two that are equally near.

    >>> [round_half_even(Fraction(n, 2)) for n in (-3, -1, 1, 3, 5)]
    [-2, 0, 0, 2, 2]
    """
    below = math.floor(value)
    above = value - below
    if above == HALF:
        return below + below % 2
    return below + int(above > HALF)


def float32(value: Number) -> float:
    """
    Return the float32 nearest to a number, of two the one with the even significand; beyond the largest, infinity.

    >>> float32(Fraction(1, 10)).hex(), float32(Fraction(1, 2**149) / 2), float32(2**128)
    ('0x1.99999a0000000p-4', 0.0, inf)
    """
    if isinstance(value, float) and not math.isfinite(value):
        return value
    exact = abs(Fraction(value))
    sign = -1.0 if Fraction(value) < 0 or (isinstance(value, float) and math.copysign(1, value) < 0) else 1.0
    if exact == 0:
        return sign * 0.0
    exponent = exact.numerator.bit_length() - exact.denominator.bit_length()
    exponent -= int(exact < Fraction(2) ** exponent)
    unit = Fraction(2) ** max(exponent - 23, -149)
    rounded = round_half_even(exact / unit) * unit
    return sign * (math.inf if rounded >= 2**128 else float(rounded))


def saturate(value: int, lowest: int, highest: int) -> int:
    """Return ``value`` moved into [lowest, highest]."""
    return min(max(value, lowest), highest)


def quantized(x: float, scale: float, zero_point: int, lowest: int = 0, highest: int = 255) -> int:
    """
    Return the code of ``x``: float32 quotient, ties to even, then the zero point, then saturation.

    >>> [quantized(x, 2.0, 1) for x in (1.0, 3.0, -1.0, math.inf, -math.inf)]
    [1, 3, 1, 255, 0]
    """
    x32 = float32(x)
    if not math.isinf(x32):
        x32 = float32(Fraction(x32) / Fraction(scale))
    if math.isinf(x32):
        return highest if x32 > 0 else lowest
    return saturate(round_half_even(Fraction(x32)) + zero_point, lowest, highest)
