"""Cases of ``slice``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, f32, i64
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("slice")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: both ends, negative positions, steps, an open end, nothing left."""
    matrix = f32([[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]])
    yield SOURCE.hand(
        "rows",
        "SLC-S1 SLC-S2",
        inputs={"x": matrix},
        expected={"y": f32([[4, 5, 6], [7, 8, 9]])},
        attributes={"axis": 0, "start": 1, "stop": 3},
        notes="Until before stop.",
    )
    yield SOURCE.hand(
        "negative-positions",
        "SLC-S1 SLC-S2",
        inputs={"x": matrix},
        expected={"y": f32([[2], [5], [8], [11]])},
        attributes={"axis": -1, "start": -2, "stop": -1},
        notes="Positions count from the end of the axis.",
    )
    yield SOURCE.hand(
        "step-two",
        "SLC-S2",
        inputs={"x": i64([0, 1, 2, 3, 4])},
        expected={"y": i64([1, 3])},
        attributes={"axis": 0, "start": 1, "stop": 5, "step": 2},
        notes="The next one, 5, is not before stop.",
    )
    yield SOURCE.hand(
        "backwards-to-the-first",
        "SLC-S1 SLC-S2",
        inputs={"x": i64([0, 1, 2, 3, 4])},
        expected={"y": i64([4, 2, 0])},
        attributes={"axis": 0, "start": 4, "stop": None, "step": -2},
        notes="An open end includes the first element, which no stop in range can.",
    )
    yield SOURCE.hand(
        "open-end",
        "SLC-S1",
        inputs={"x": i64([0, 1, 2])},
        expected={"y": i64([1, 2])},
        attributes={"axis": 0, "start": 1, "stop": None, "step": 1},
        notes="Until the end of the axis.",
    )
    yield SOURCE.hand(
        "nothing-left",
        "SLC-S2",
        inputs={"x": matrix},
        expected={"y": np.zeros((0, 3), np.float32)},
        attributes={"axis": 0, "start": 2, "stop": 2},
        notes="start is not before stop.",
    )
