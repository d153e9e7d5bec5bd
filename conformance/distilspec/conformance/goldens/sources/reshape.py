"""Cases of ``reshape``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, f32, i64
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("reshape")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: order, -1, 0, types."""
    yield SOURCE.hand(
        "order",
        "RESH-S1",
        inputs={"x": f32([[1, 2, 3], [4, 5, 6]])},
        expected={"y": f32([[1, 2], [3, 4], [5, 6]])},
        attributes={"shape": (3, 2)},
        notes="The last axis runs fastest; a transposition gives [[1, 4], [2, 5], [3, 6]].",
    )
    yield SOURCE.hand(
        "minus-one",
        "RESH-S2",
        inputs={"x": i64([[1, 2, 3, 4], [5, 6, 7, 8]])},
        expected={"y": i64([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])},
        attributes={"shape": (2, -1, 2)},
        notes="-1 stands for what is left.",
    )
    yield SOURCE.hand(
        "zero-is-a-size",
        "RESH-S3",
        inputs={"x": np.zeros((2, 0), np.float32)},
        expected={"y": np.zeros((0, 3), np.float32)},
        attributes={"shape": (0, 3)},
        notes="ONNX without allowzero copies the size 2 instead.",
    )
    yield SOURCE.hand(
        "scalar",
        "RESH-S1",
        inputs={"x": f32([[7]])},
        expected={"y": f32(7)},
        attributes={"shape": ()},
        notes="One element without axes.",
    )
