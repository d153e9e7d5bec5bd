"""Cases of ``embedding``."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32, i32, i64
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("embedding")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: order and repetition, both edges of the table, id types, special values, no ids."""
    table = f32([[0.5, 1], [2, 3], [4, 5]])
    yield SOURCE.hand(
        "batch-of-sequences",
        "EMB-S1",
        inputs={"input_ids": i64([[2, 0, 2], [1, 1, 0]]), "weight": table},
        expected={"y": exact_reals([[[4, 5], [0.5, 1], [4, 5]], [[2, 3], [2, 3], [0.5, 1]]])},
        notes="Ids may repeat and take any order; the first and the last row are used.",
    )
    yield SOURCE.hand(
        "int32-ids",
        "EMB-S1",
        inputs={"input_ids": i32([1, 2]), "weight": table},
        expected={"y": exact_reals([[2, 3], [4, 5]])},
        notes="Ids of 32 bits.",
    )
    yield SOURCE.hand(
        "special-values",
        "EMB-S1",
        inputs={"input_ids": i64([0]), "weight": f32([[math.nan, math.inf, -0.0, 2.0**-149]])},
        expected={"y": exact_reals([[math.nan, math.inf, -0.0, 2.0**-149]])},
        notes="A row is copied as it is.",
    )
    yield SOURCE.hand(
        "no-ids",
        "EMB-S1",
        inputs={"input_ids": np.zeros((2, 0), np.int64), "weight": table},
        expected={"y": np.zeros((2, 0, 2), np.float64)},
        notes="No ids, no rows, and no error.",
    )
