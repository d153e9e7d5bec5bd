"""Cases of ``add``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from distilspec.conformance.goldens.build import Loose, Source, exact_reals, f32, i64, real
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("add")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: rounding, broadcasting, int64, special values, no elements."""
    yield SOURCE.hand(
        "exact",
        "ADD-S1",
        inputs={"a": f32([1.5, -2, 2.0**-126, 0]), "b": f32([2.25, 2, 2.0**-126, -0.0])},
        expected={"y": exact_reals([3.75, 0, 2.0**-125, 0])},
        notes="Sums that float32 holds.",
    )
    yield SOURCE.hand(
        "denormal",
        "ADD-S1",
        inputs={"a": f32([2.0**-149, 2.0**-126]), "b": f32([2.0**-149, -(2.0**-127)])},
        expected={"y": Loose(exact_reals([2.0**-148, 2.0**-127]))},
        notes="Denormal numbers have exact sums; a runtime may read and write them as 0.",
    )
    a, b = f32([0.1, 1e8, 1, -3.7, 1e-30]).tolist(), f32([0.2, 1, 2.0**-24, 3.3, 1e30]).tolist()
    yield SOURCE.exact(
        "rounded",
        "ADD-S1",
        inputs={"a": f32(a), "b": f32(b)},
        expected={"y": real([Fraction(p) + Fraction(q) for p, q in zip(a, b, strict=True)])},
        notes="Sums with more bits than float32 has.",
    )
    yield SOURCE.hand(
        "broadcast",
        "ADD-S1",
        inputs={"a": f32([[1], [2]]), "b": f32([10, 20, 30])},
        expected={"y": exact_reals([[11, 21, 31], [12, 22, 32]])},
        notes="A column and a row.",
    )
    yield SOURCE.hand(
        "int64",
        "ADD-S2",
        inputs={"a": i64([2**62, -(2**62), 2**53, -7]), "b": i64([2**62 - 1, -(2**62), 1, 7])},
        expected={"y": i64([2**63 - 1, -(2**63), 2**53 + 1, 0])},
        notes="Both ends of int64, and an odd sum that float64 cannot hold.",
    )
    yield SOURCE.hand(
        "special-values",
        "ADD-S1",
        inputs={"a": f32([math.inf, math.inf, math.nan]), "b": f32([1, -math.inf, 1])},
        expected={"y": exact_reals([math.inf, math.nan, math.nan])},
        notes="As IEEE 754 says.",
    )
    yield SOURCE.hand(
        "empty",
        "ADD-S1",
        inputs={"a": np.zeros((0, 2), np.float32), "b": f32([1, 2])},
        expected={"y": np.zeros((0, 2), np.float64)},
        notes="No elements.",
    )
