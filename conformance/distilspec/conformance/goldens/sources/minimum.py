"""Cases of ``minimum``."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32, i64
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("minimum")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: both signs, broadcasting, int64, NaN, no elements."""
    yield SOURCE.hand(
        "both-signs",
        "MIN-S1",
        inputs={"a": f32([1, -3, 2.0**-126, -math.inf]), "b": f32([2, -4, 0, 5])},
        expected={"y": exact_reals([1, -4, 0, -math.inf])},
        notes="The smaller one, of the smallest normal number and 0 as well.",
    )
    yield SOURCE.hand(
        "broadcast",
        "MIN-S1",
        inputs={"a": f32([[1], [3]]), "b": f32([0, 2, 4])},
        expected={"y": exact_reals([[0, 1, 1], [0, 2, 3]])},
        notes="A column and a row.",
    )
    yield SOURCE.hand(
        "int64",
        "MIN-S2",
        inputs={"a": i64([2**53 + 2, -(2**63)]), "b": i64([2**53 + 1, 2**63 - 1])},
        expected={"y": i64([2**53 + 1, -(2**63)])},
        notes="An odd number that float64 cannot hold, and both ends of int64.",
    )
    yield SOURCE.hand(
        "nan-wins",
        "MIN-S3",
        inputs={"a": f32([math.nan, 1, math.nan, math.nan]), "b": f32([1, math.nan, math.inf, -math.inf])},
        expected={"y": exact_reals([math.nan] * 4)},
        notes="On either side; minps returns its second operand and loses the first NaN.",
    )
    yield SOURCE.hand(
        "empty",
        "MIN-S1",
        inputs={"a": np.zeros((0, 2), np.float32), "b": f32([1, 2])},
        expected={"y": np.zeros((0, 2), np.float64)},
        notes="No elements.",
    )
