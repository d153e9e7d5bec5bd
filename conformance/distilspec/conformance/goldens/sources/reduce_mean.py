"""Cases of ``reduce_mean``."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.sources.linear import tenths

SOURCE = Source("reduce_mean")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: axes, keepdims, rounding, no rows."""
    yield SOURCE.hand(
        "last-axis",
        "RMEAN-S1 RMEAN-S2",
        inputs={"x": f32([[1, 2, 6], [-1, 0, 0]])},
        expected={"y": real([[3], [Fraction(-1, 3)]])},
        attributes={"axes": (-1,)},
        notes="The axis stays with size 1.",
    )
    yield SOURCE.hand(
        "two-axes-vanish",
        "RMEAN-S1 RMEAN-S2",
        inputs={"x": f32([[[1, 2], [3, 4]], [[10, 20], [30, 40]]])},
        expected={"y": real([2.5, 25])},
        attributes={"axes": (1, 2), "keepdims": False},
        notes="Divided by the number of elements of both axes.",
    )
    x = tenths((2, 17, 3), 4)
    yield SOURCE.exact(
        "axis-of-17",
        "RMEAN-S1",
        inputs={"x": f32(x)},
        expected={"y": real([[[sum(map(Fraction, c)) / 17 for c in zip(*rows, strict=True)]] for rows in x])},
        attributes={"axes": (1,)},
        notes="A middle axis, one more than the width of a vector.",
    )
    yield SOURCE.hand(
        "no-rows",
        "RMEAN-S1",
        inputs={"x": np.zeros((0, 3), np.float32)},
        expected={"y": exact_reals([])},
        attributes={"axes": (1,), "keepdims": False},
        notes="No means, and no error.",
    )
