"""Cases of ``transpose``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, f32, i64
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("transpose")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: a matrix, a cycle of axes, heads, types, no elements."""
    yield SOURCE.hand(
        "matrix",
        "TRAN-S1",
        inputs={"x": f32([[1, 2, 3], [4, 5, 6]])},
        expected={"y": f32([[1, 4], [2, 5], [3, 6]])},
        attributes={"axes": (1, 0)},
        notes="A reshape gives [[1, 2], [3, 4], [5, 6]].",
    )
    yield SOURCE.hand(
        "reversed",
        "TRAN-S1",
        inputs={"x": i64([[[1, 2, 3], [4, 5, 6]]])},
        expected={"y": i64([[[1], [4]], [[2], [5]], [[3], [6]]])},
        attributes={"axes": (2, 1, 0)},
        notes="Shape (1, 2, 3) becomes (3, 2, 1).",
    )
    yield SOURCE.hand(
        "first-two-axes",
        "TRAN-S1",
        inputs={"x": i64([[[1, 2, 3], [4, 5, 6]]])},
        expected={"y": i64([[[1, 2, 3]], [[4, 5, 6]]])},
        attributes={"axes": (1, 0, 2)},
        notes="Shape (1, 2, 3) becomes (2, 1, 3).",
    )
    yield SOURCE.hand(
        "rotation",
        "TRAN-S1",
        inputs={"x": i64([[[1, 2, 3], [4, 5, 6]]])},
        expected={"y": i64([[[1], [2], [3]], [[4], [5], [6]]])},
        attributes={"axes": (1, 2, 0)},
        notes="Axis k of the result is axis axes[k] of the operand; the inverse rotation has the shape (3, 1, 2).",
    )
    yield SOURCE.hand(
        "heads",
        "TRAN-S1",
        inputs={"x": f32([[[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 10], [11, 12]]]])},
        expected={"y": f32([[[[1, 2], [5, 6], [9, 10]], [[3, 4], [7, 8], [11, 12]]]])},
        attributes={"axes": (0, 2, 1, 3)},
        notes="[batch, sequence, heads, head_dim] to [batch, heads, sequence, head_dim].",
    )
    yield SOURCE.hand(
        "empty",
        "TRAN-S1",
        inputs={"x": np.zeros((2, 0), np.float32)},
        expected={"y": np.zeros((0, 2), np.float32)},
        attributes={"axes": (1, 0)},
        notes="No elements, but a shape.",
    )
