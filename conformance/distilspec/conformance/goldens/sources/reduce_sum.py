"""Cases of ``reduce_sum``."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32, i64, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.sources.linear import tenths

SOURCE = Source("reduce_sum")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: axes, keepdims, int64, cancellation, rounding, no elements."""
    yield SOURCE.hand(
        "last-axis",
        "RSUM-S1 RSUM-S3",
        inputs={"x": f32([[1, 2, 6], [-1, 0, 0]])},
        expected={"y": exact_reals([[9], [-1]])},
        attributes={"axes": (-1,)},
        notes="The axis stays with size 1.",
    )
    yield SOURCE.hand(
        "two-axes-vanish",
        "RSUM-S1 RSUM-S3",
        inputs={"x": f32([[[1, 2], [3, 4]], [[10, 20], [30, 40]]])},
        expected={"y": exact_reals([44, 66])},
        attributes={"axes": (0, 1), "keepdims": False},
        notes="One sum a column.",
    )
    yield SOURCE.hand(
        "int64",
        "RSUM-S2",
        inputs={"x": i64([[2**53, 1], [2**62, 2**62 - 1]])},
        expected={"y": i64([2**53 + 1, 2**63 - 1])},
        attributes={"axes": (1,), "keepdims": False},
        notes="Sums that float64 cannot hold.",
    )
    yield SOURCE.hand(
        "cancellation",
        "RSUM-S1",
        inputs={"x": f32([2.0**25, 1, -(2.0**25)])},
        expected={"y": real([1])},
        attributes={"axes": (0,)},
        notes="A float32 sum may lose the 1, and the bound is as large as that.",
    )
    x = tenths((2, 33), 4)
    yield SOURCE.exact(
        "axis-of-33",
        "RSUM-S1",
        inputs={"x": f32(x)},
        expected={"y": real([[sum(map(Fraction, row))] for row in x])},
        attributes={"axes": (1,)},
        notes="One more than the width of a vector.",
    )
    yield SOURCE.hand(
        "no-elements",
        "RSUM-S1",
        inputs={"x": np.zeros((2, 0), np.float32)},
        expected={"y": exact_reals([[0], [0]])},
        attributes={"axes": (1,)},
        notes="An empty sum is 0.",
    )
