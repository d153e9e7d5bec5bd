"""Cases of ``cls_pool``."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("cls_pool")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: the first token, one token, special values, no sequences."""
    yield SOURCE.hand(
        "first-token",
        "CLS-S1",
        inputs={"hidden_states": f32([[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]])},
        expected={"y": exact_reals([[1, 2], [7, 8]])},
        notes="The first token of every sequence, not the first sequence.",
    )
    yield SOURCE.hand(
        "one-token",
        "CLS-S1",
        inputs={"hidden_states": f32([[[math.nan, -math.inf, 0.25]]])},
        expected={"y": exact_reals([[math.nan, -math.inf, 0.25]])},
        notes="Copied as it is.",
    )
    yield SOURCE.hand(
        "no-sequences",
        "CLS-S1",
        inputs={"hidden_states": np.zeros((0, 2, 3), np.float32)},
        expected={"y": exact_reals([]).reshape(0, 3)},
        notes="No sequences, no results, and no error.",
    )
