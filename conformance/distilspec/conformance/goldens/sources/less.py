"""Cases of ``less``."""

from __future__ import annotations

import math
from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, boolean, f32, i64
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("less")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: neighbours, broadcasting, int64, NaN and zeros, no elements."""
    yield SOURCE.hand(
        "neighbours",
        "LT-S1",
        inputs={"a": f32([1, 1 + 2.0**-23, 1, -2]), "b": f32([1, 1, 1 + 2.0**-23, 1])},
        expected={"y": boolean([False, False, True, True])},
        notes="Strictly smaller, by one step of float32; equal values are not.",
    )
    yield SOURCE.hand(
        "broadcast",
        "LT-S1",
        inputs={"a": f32([[1], [2]]), "b": f32([0, 1, 2])},
        expected={"y": boolean([[False, False, True], [False, False, False]])},
        notes="A column and a row.",
    )
    yield SOURCE.hand(
        "int64",
        "LT-S1",
        inputs={"a": i64([2**53 + 1, 2**53, -1]), "b": i64([2**53, 2**53 + 1, 1])},
        expected={"y": boolean([False, True, True])},
        notes="Neighbours that are equal in float64; -1 is below 1, also for those who take it for unsigned.",
    )
    yield SOURCE.hand(
        "nan-and-zeros",
        "LT-S2",
        inputs={"a": f32([math.nan, 1, 0, -0.0, math.inf]), "b": f32([1, math.nan, -0.0, 0, -math.inf])},
        expected={"y": boolean([False, False, False, False, False])},
        notes="NaN is in no order, and the zeros are equal.",
    )
    yield SOURCE.hand(
        "empty",
        "LT-S1",
        inputs={"a": f32([[]]), "b": f32([[]])},
        expected={"y": boolean([[]])},
        notes="No elements.",
    )
