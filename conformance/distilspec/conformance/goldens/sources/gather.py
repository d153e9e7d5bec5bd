"""Cases of ``gather``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, f32, i32, i64, u8
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("gather")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: axes, the shape of the indices, negative indices, a scalar index, no indices."""
    matrix = f32([[1, 2, 3], [4, 5, 6]])
    yield SOURCE.hand(
        "rows",
        "GATH-S1",
        inputs={"x": matrix, "indices": i64([[1, 0], [1, 1]])},
        expected={"y": f32([[[4, 5, 6], [1, 2, 3]], [[4, 5, 6], [4, 5, 6]]])},
        notes="The axes of the indices take the place of axis 0.",
    )
    yield SOURCE.hand(
        "columns",
        "GATH-S1",
        inputs={"x": matrix, "indices": i32([[2, 0]])},
        expected={"y": f32([[[3, 1]], [[6, 4]]])},
        attributes={"axis": 1},
        notes="Shape (2, 1, 2): the axes of the indices stand between those before and after.",
    )
    yield SOURCE.hand(
        "negative-indices",
        "GATH-S2",
        inputs={"x": u8([10, 20, 30]), "indices": i64([-1, -3, 0])},
        expected={"y": u8([30, 10, 10])},
        attributes={"axis": -1},
        notes="-1 is the last element.",
    )
    yield SOURCE.hand(
        "scalar-index",
        "GATH-S1",
        inputs={"x": matrix, "indices": i64(1)},
        expected={"y": f32([2, 5])},
        attributes={"axis": 1},
        notes="A scalar index removes the axis.",
    )
    yield SOURCE.hand(
        "no-indices",
        "GATH-S1",
        inputs={"x": matrix, "indices": np.zeros((0,), np.int64)},
        expected={"y": np.zeros((0, 3), np.float32)},
        attributes={"axis": 0},
        notes="Nothing is taken.",
    )
