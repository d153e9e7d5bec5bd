"""Cases of ``multiply``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from distilspec.conformance.goldens.build import Loose, Source, exact_reals, f32, i64, real
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("multiply")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: rounding, broadcasting, int64, special values, no elements."""
    yield SOURCE.hand(
        "exact",
        "MUL-S1",
        inputs={"a": f32([1.5, -2, 4095]), "b": f32([2.5, 0.25, 4097])},
        expected={"y": exact_reals([3.75, -0.5, 16777215])},
        notes="Products that float32 holds.",
    )
    yield SOURCE.hand(
        "denormal",
        "MUL-S1",
        inputs={"a": f32([2.0**-149, 2.0**-100]), "b": f32([2.0**100, 2.0**-40])},
        expected={"y": Loose(exact_reals([2.0**-49, 2.0**-140]))},
        notes="A denormal factor and a denormal product; a runtime may read and write them as 0.",
    )
    a, b = f32([0.1, 16777215, -1 / 3, 1e-20]).tolist(), f32([0.1, 16777215, 3, 1e15]).tolist()
    yield SOURCE.exact(
        "rounded",
        "MUL-S1",
        inputs={"a": f32(a), "b": f32(b)},
        expected={"y": real([Fraction(p) * Fraction(q) for p, q in zip(a, b, strict=True)])},
        notes="Products with up to 48 bits.",
    )
    yield SOURCE.hand(
        "broadcast",
        "MUL-S1",
        inputs={"a": f32([[[2]], [[-3]]]), "b": f32([[1, 10], [100, 1000]])},
        expected={"y": exact_reals([[[2, 20], [200, 2000]], [[-3, -30], [-300, -3000]]])},
        notes="Shapes (2, 1, 1) and (2, 2).",
    )
    yield SOURCE.hand(
        "int64",
        "MUL-S2",
        inputs={"a": i64([3037000499, -(2**31), 94906267]), "b": i64([3037000499, 2**32, 94906269])},
        expected={"y": i64([9223372030926249001, -(2**63), 9007199705687823])},
        notes="Products that float64 cannot hold, and the lower end of int64.",
    )
    yield SOURCE.hand(
        "special-values",
        "MUL-S1",
        inputs={"a": f32([0, math.inf, math.nan, -0.0]), "b": f32([math.inf, -2, 0, 3])},
        expected={"y": exact_reals([math.nan, -math.inf, math.nan, -0.0])},
        notes="0 * infinity is NaN.",
    )
    yield SOURCE.hand(
        "empty",
        "MUL-S1",
        inputs={"a": np.zeros((0, 2), np.float32), "b": f32([1, 2])},
        expected={"y": np.zeros((0, 2), np.float64)},
        notes="No elements.",
    )
