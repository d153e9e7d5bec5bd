"""Cases of ``where``."""

from __future__ import annotations

import math
from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, boolean, f32, i64, u8
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("where")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: both values, broadcasting, types, what is not taken, no elements."""
    yield SOURCE.hand(
        "both-values",
        "WHERE-S1",
        inputs={"condition": boolean([True, False, True]), "a": f32([1, 2, 3]), "b": f32([10, 20, 30])},
        expected={"y": f32([1, 20, 3])},
        notes="The second operand where True.",
    )
    yield SOURCE.hand(
        "broadcast",
        "WHERE-S1",
        inputs={"condition": boolean([[True], [False]]), "a": f32([1, 2]), "b": f32(-5)},
        expected={"y": f32([[1, 2], [-5, -5]])},
        notes="Three shapes: a column, a row and a scalar.",
    )
    yield SOURCE.hand(
        "int64",
        "WHERE-S1",
        inputs={"condition": boolean([True, False]), "a": i64([2**53 + 1, 0]), "b": i64([0, -(2**63)])},
        expected={"y": i64([2**53 + 1, -(2**63)])},
        notes="Integers keep their type and every bit.",
    )
    yield SOURCE.hand(
        "uint8",
        "WHERE-S1",
        inputs={"condition": boolean([True, False]), "a": u8([255, 1]), "b": u8([0, 128])},
        expected={"y": u8([255, 128])},
        notes="Codes.",
    )
    yield SOURCE.hand(
        "what-is-not-taken",
        "WHERE-S1",
        inputs={
            "condition": boolean([True, False, True]),
            "a": f32([1, math.nan, -math.inf]),
            "b": f32([math.inf, 2, math.nan]),
        },
        expected={"y": f32([1, 2, -math.inf])},
        notes="A sum of products with the condition gives NaN.",
    )
    yield SOURCE.hand(
        "empty",
        "WHERE-S1",
        inputs={"condition": boolean([[]]), "a": f32([[]]), "b": f32(1)},
        expected={"y": f32([[]])},
        notes="No elements.",
    )
