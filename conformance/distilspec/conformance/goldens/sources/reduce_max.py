"""Cases of ``reduce_max``."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32, i64
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("reduce_max")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: axes, keepdims, int64, NaN, no elements."""
    yield SOURCE.hand(
        "last-axis",
        "RMAX-S1 RMAX-S4",
        inputs={"x": f32([[1, -5, 3], [-2, -9, -4]])},
        expected={"y": exact_reals([[3], [-2]])},
        attributes={"axes": (-1,)},
        notes="The axis stays with size 1; a start at 0 shows in the second row.",
    )
    yield SOURCE.hand(
        "two-axes-vanish",
        "RMAX-S1 RMAX-S4",
        inputs={"x": f32([[[1, 8], [3, 4]], [[-1, -8], [-3, -4]]])},
        expected={"y": exact_reals([8, -1])},
        attributes={"axes": (1, 2), "keepdims": False},
        notes="One result a matrix.",
    )
    yield SOURCE.hand(
        "int64",
        "RMAX-S1",
        inputs={"x": i64([2**53, 2**53 + 1, 2**53 - 1])},
        expected={"y": i64([2**53 + 1])},
        attributes={"axes": (0,)},
        notes="An odd number that float64 cannot hold.",
    )
    yield SOURCE.hand(
        "nan-wins",
        "RMAX-S2",
        inputs={"x": f32([[1, math.nan, 3], [math.nan, 1, math.inf], [-math.inf, 0, math.inf]])},
        expected={"y": exact_reals([[math.nan], [math.nan], [math.inf]])},
        attributes={"axes": (1,)},
        notes="Wherever it stands.",
    )
    yield SOURCE.hand(
        "no-floats",
        "RMAX-S3",
        inputs={"x": np.zeros((2, 0), np.float32)},
        expected={"y": exact_reals([-math.inf] * 2)},
        attributes={"axes": (1,), "keepdims": False},
        notes="Every number is larger.",
    )
    yield SOURCE.hand(
        "no-integers",
        "RMAX-S3",
        inputs={"x": np.zeros((0,), np.int64)},
        expected={"y": i64([-(2**63)])},
        attributes={"axes": (0,)},
        notes="The end of int64 from which every number is larger.",
    )
