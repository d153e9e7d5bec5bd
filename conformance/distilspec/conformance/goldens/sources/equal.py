"""Cases of ``equal``."""

from __future__ import annotations

import math
from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, boolean, f32, i64, u8
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("equal")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: neighbours, broadcasting, types, NaN and zeros, no elements."""
    yield SOURCE.hand(
        "neighbours",
        "EQ-S1",
        inputs={"a": f32([1, 1, 2.0**-126, 0.1]), "b": f32([1, 1 + 2.0**-23, 0, 0.1])},
        expected={"y": boolean([True, False, False, True])},
        notes="Equal values, not near ones.",
    )
    yield SOURCE.hand(
        "broadcast",
        "EQ-S1",
        inputs={"a": f32([[1], [2]]), "b": f32([1, 2, 3])},
        expected={"y": boolean([[True, False, False], [False, True, False]])},
        notes="A column and a row.",
    )
    yield SOURCE.hand(
        "int64",
        "EQ-S1",
        inputs={"a": i64([2**53, -1]), "b": i64([2**53 + 1, -1])},
        expected={"y": boolean([False, True])},
        notes="Neighbours that are equal in float64.",
    )
    yield SOURCE.hand(
        "uint8",
        "EQ-S1",
        inputs={"a": u8([255, 0]), "b": u8([255, 1])},
        expected={"y": boolean([True, False])},
        notes="Codes.",
    )
    yield SOURCE.hand(
        "nan-and-zeros",
        "EQ-S2",
        inputs={"a": f32([math.nan, 0, math.inf, math.inf]), "b": f32([math.nan, -0.0, math.inf, -math.inf])},
        expected={"y": boolean([False, True, True, False])},
        notes="A comparison of bits gives the opposite for NaN and for -0.",
    )
    yield SOURCE.hand(
        "empty",
        "EQ-S1",
        inputs={"a": f32([[]]), "b": f32([[]])},
        expected={"y": boolean([[]])},
        notes="No elements.",
    )
