"""Cases of ``subtract``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from distilspec.conformance.goldens.build import Loose, Source, exact_reals, f32, i64, real
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("subtract")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: rounding, broadcasting, int64, special values, no elements."""
    yield SOURCE.hand(
        "exact",
        "SUB-S1",
        inputs={"a": f32([1.5, -2, 1 + 2.0**-23]), "b": f32([2.25, 2, 1])},
        expected={"y": exact_reals([-0.75, -4, 2.0**-23])},
        notes="The first less the second. Near numbers have an exact difference.",
    )
    yield SOURCE.hand(
        "denormal",
        "SUB-S1",
        inputs={"a": f32([3 * 2.0**-149, 2.0**-126]), "b": f32([2.0**-148, 2.0**-127])},
        expected={"y": Loose(exact_reals([2.0**-149, 2.0**-127]))},
        notes="Denormal numbers have exact differences; a runtime may read and write them as 0.",
    )
    a, b = f32([0.1, 1e8, 1, -3.7]).tolist(), f32([0.3, 1, 2.0**-25, 3.3]).tolist()
    yield SOURCE.exact(
        "rounded",
        "SUB-S1",
        inputs={"a": f32(a), "b": f32(b)},
        expected={"y": real([Fraction(p) - Fraction(q) for p, q in zip(a, b, strict=True)])},
        notes="Differences with more bits than float32 has.",
    )
    yield SOURCE.hand(
        "broadcast",
        "SUB-S1",
        inputs={"a": f32([10, 20, 30]), "b": f32([[1], [2]])},
        expected={"y": exact_reals([[9, 19, 29], [8, 18, 28]])},
        notes="A row and a column.",
    )
    yield SOURCE.hand(
        "int64",
        "SUB-S2",
        inputs={"a": i64([-(2**62), 2**53, 5]), "b": i64([2**62, -1, 7])},
        expected={"y": i64([-(2**63), 2**53 + 1, -2])},
        notes="The lower end of int64, and an odd difference that float64 cannot hold.",
    )
    yield SOURCE.hand(
        "special-values",
        "SUB-S1",
        inputs={"a": f32([math.inf, math.inf, math.nan]), "b": f32([1, math.inf, 1])},
        expected={"y": exact_reals([math.inf, math.nan, math.nan])},
        notes="As IEEE 754 says.",
    )
    yield SOURCE.hand(
        "empty",
        "SUB-S1",
        inputs={"a": f32([1, 2]), "b": np.zeros((0, 2), np.float32)},
        expected={"y": np.zeros((0, 2), np.float64)},
        notes="No elements.",
    )
