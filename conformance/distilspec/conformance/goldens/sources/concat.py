"""Cases of ``concat``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, f32, i64
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("concat")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: both axes, order, one tensor, a tensor without elements, types."""
    yield SOURCE.hand(
        "last-axis",
        "CAT-S1",
        inputs={"tensors0": f32([[1], [2]]), "tensors1": f32([[3, 4], [5, 6]]), "tensors2": f32([[7], [8]])},
        expected={"y": f32([[1, 3, 4, 7], [2, 5, 6, 8]])},
        attributes={"axis": -1},
        notes="Three tensors in their order.",
    )
    yield SOURCE.hand(
        "axis-0",
        "CAT-S1",
        inputs={"tensors0": i64([[2**53 + 1, 2]]), "tensors1": i64([[3, 4], [5, 6]])},
        expected={"y": i64([[2**53 + 1, 2], [3, 4], [5, 6]])},
        attributes={"axis": 0},
        notes="Integers keep every bit.",
    )
    yield SOURCE.hand(
        "one-tensor",
        "CAT-S1",
        inputs={"tensors0": f32([1, 2])},
        expected={"y": f32([1, 2])},
        attributes={"axis": 0},
        notes="Nothing to join it to.",
    )
    yield SOURCE.hand(
        "empty-tensor",
        "CAT-S1",
        inputs={"tensors0": np.zeros((2, 0), np.float32), "tensors1": f32([[1], [2]])},
        expected={"y": f32([[1], [2]])},
        attributes={"axis": 1},
        notes="A tensor of size 0 on the axis adds nothing.",
    )
