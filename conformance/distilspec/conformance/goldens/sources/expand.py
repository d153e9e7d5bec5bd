"""Cases of ``expand``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, boolean, f32, i64
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("expand")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: axes of size 1, new axes, sizes that are kept, types, no elements."""
    yield SOURCE.hand(
        "column-to-matrix",
        "EXPD-S1 EXPD-S2",
        inputs={"x": f32([[1], [2]])},
        expected={"y": f32([[1, 1, 1], [2, 2, 2]])},
        attributes={"shape": (2, 3)},
        notes="Repeated along the axis of size 1.",
    )
    yield SOURCE.hand(
        "new-axis",
        "EXPD-S1 EXPD-S2",
        inputs={"x": i64([1, 2])},
        expected={"y": i64([[1, 2], [1, 2]])},
        attributes={"shape": (2, 2)},
        notes="Shapes are aligned from the last axis; from the first it gives [[1, 1], [2, 2]].",
    )
    yield SOURCE.hand(
        "size-1-keeps-the-size",
        "EXPD-S1",
        inputs={"x": boolean([[True, False], [False, True]])},
        expected={"y": boolean([[True, False], [False, True]])},
        attributes={"shape": (1, 2)},
        notes="A 1 in the shape is no cut.",
    )
    yield SOURCE.hand(
        "shorter-shape",
        "EXPD-S1",
        inputs={"x": f32([[[1], [2]]])},
        expected={"y": f32([[[1, 1], [2, 2]]])},
        attributes={"shape": (2,)},
        notes="An axis that the shape does not have stays.",
    )
    yield SOURCE.hand(
        "to-nothing",
        "EXPD-S1",
        inputs={"x": f32([[5]])},
        expected={"y": np.zeros((0, 1), np.float32)},
        attributes={"shape": (0, 1)},
        notes="Repeated no times.",
    )
