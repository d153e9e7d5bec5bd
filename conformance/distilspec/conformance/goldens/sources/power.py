"""Cases of ``power``."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.transcendental import power

SOURCE = Source("power")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: integer and other exponents, broadcasting, the rules of IEEE 754, no elements."""
    yield SOURCE.hand(
        "integer-exponents",
        "POW-S1",
        inputs={"a": f32([2, -2, -3, 0.5, -0.5, 7]), "b": f32([10, 3, 2, 3, -2, 1])},
        expected={"y": real([1024, -8, 9, 0.125, 4, 7])},
        notes="A negative base has a power when the exponent is an integer; exp(b log(a)) gives NaN.",
    )
    a, b = f32([2, 0.1, 10, 3.7]).tolist(), f32([0.5, 3, -0.25, 2]).tolist()
    yield SOURCE.exact(
        "other-exponents",
        "POW-S1",
        inputs={"a": f32(a), "b": f32(b)},
        expected={"y": real([power(p, q) for p, q in zip(a, b, strict=True)])},
        notes="Roots and cubes.",
    )
    yield SOURCE.hand(
        "broadcast",
        "POW-S1",
        inputs={"a": f32([[2], [3]]), "b": f32([1, 2])},
        expected={"y": real([[2, 4], [3, 9]])},
        notes="A column to the powers of a row.",
    )
    yield SOURCE.hand(
        "exponent-0-or-base-1",
        "POW-S2",
        inputs={"a": f32([0, math.nan, math.inf, 1, 1, -5]), "b": f32([0, 0, 0, math.nan, -math.inf, -0.0])},
        expected={"y": exact_reals([1] * 6)},
        notes="1, whatever the other operand holds.",
    )
    yield SOURCE.hand(
        "negative-base",
        "POW-S3",
        inputs={"a": f32([-2, -0.5, -1]), "b": f32([0.5, 1.5, -0.25])},
        expected={"y": exact_reals([math.nan] * 3)},
        notes="No real power.",
    )
    yield SOURCE.hand(
        "zero-to-a-negative-power",
        "POW-S4",
        inputs={"a": f32([0, -0.0, -0.0, 0]), "b": f32([-2, -3, -2, -0.5])},
        expected={"y": exact_reals([math.inf, -math.inf, math.inf, math.inf])},
        notes="Negative only for -0 and an odd integer.",
    )
    yield SOURCE.hand(
        "empty",
        "POW-S1",
        inputs={"a": np.zeros((0,), np.float32), "b": f32(2)},
        expected={"y": np.zeros((0,), np.float64)},
        notes="No elements.",
    )
