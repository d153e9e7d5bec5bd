"""The oracle's oracle: exact rational arithmetic and plain loops. It imports no NumPy and nothing of ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction


def dot(a: Iterable[float], b: Iterable[float]) -> Fraction:
    """Return the exact sum of products of two sequences of floats or integers."""
    return sum((Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True)), Fraction(0))


def round_half_even(value: Fraction) -> int:
    """Return the nearest integer, an exact tie to the even one, by comparing the exact remainder with one half."""
    floor = value.numerator // value.denominator
    remainder = value - floor
    if remainder == Fraction(1, 2):
        return floor + floor % 2
    return floor + (1 if remainder > Fraction(1, 2) else 0)


def float32(value: Fraction) -> Fraction:
    """Return the float32 nearest to ``value``, ties to even, subnormals included; OverflowError beyond the largest."""
    magnitude = abs(value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if magnitude < Fraction(2) ** exponent:
        exponent -= 1
    spacing = Fraction(2) ** (max(exponent, -126) - 23)
    rounded = round_half_even(magnitude / spacing) * spacing
    if rounded >= 2**128:
        raise OverflowError(value)
    return rounded if value >= 0 else -rounded


def saturate(value: int, lowest: int, highest: int) -> int:
    """Return ``value`` moved into [lowest, highest]."""
    return min(max(value, lowest), highest)


def relative_error(got: float, exact: Fraction) -> Fraction:
    """Return |got - exact| / |exact|, and the absolute error when the exact value is 0."""
    error = abs(Fraction(got) - exact)
    return error / abs(exact) if exact else error


def matrix(rows: Sequence[Sequence[float]]) -> list[list[Fraction]]:
    """Return nested lists of exact fractions."""
    return [[Fraction(value) for value in row] for row in rows]
