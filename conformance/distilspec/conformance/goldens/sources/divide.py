"""Cases of ``divide``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("divide")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: rounding, broadcasting, zero divisors, special values, no elements."""
    yield SOURCE.hand(
        "exact",
        "DIV-S1",
        inputs={"a": f32([1, -7.5, 3]), "b": f32([4, 2.5, -1.5])},
        expected={"y": real([0.25, -3, -2])},
        notes="Quotients that float32 holds.",
    )
    a, b = f32([1, 2, -10, 1e-20, 5]).tolist(), f32([3, 0.3, 7, 1e15, 10.05]).tolist()
    yield SOURCE.exact(
        "rounded",
        "DIV-S1",
        inputs={"a": f32(a), "b": f32(b)},
        expected={"y": real([Fraction(p) / Fraction(q) for p, q in zip(a, b, strict=True)])},
        notes="Quotients without end.",
    )
    yield SOURCE.hand(
        "broadcast",
        "DIV-S1",
        inputs={"a": f32([[8], [-4]]), "b": f32([1, 2, -4])},
        expected={"y": real([[8, 4, -2], [-4, -2, 1]])},
        notes="A column over a row.",
    )
    yield SOURCE.hand(
        "zero-divisors",
        "DIV-S2",
        inputs={"a": f32([1, -1, 1, -1, 0, math.inf]), "b": f32([0, 0, -0.0, -0.0, 0, -0.0])},
        expected={"y": exact_reals([math.inf, -math.inf, -math.inf, math.inf, math.nan, -math.inf])},
        notes="The sign of the zero counts; 0 / 0 is NaN.",
    )
    yield SOURCE.hand(
        "special-values",
        "DIV-S1",
        inputs={"a": f32([math.inf, math.nan, 3]), "b": f32([math.inf, 1, -math.inf])},
        expected={"y": exact_reals([math.nan, math.nan, -0.0])},
        notes="As IEEE 754 says.",
    )
    yield SOURCE.hand(
        "empty",
        "DIV-S1",
        inputs={"a": np.zeros((0, 2), np.float32), "b": f32([1, 2])},
        expected={"y": np.zeros((0, 2), np.float64)},
        notes="No elements.",
    )
