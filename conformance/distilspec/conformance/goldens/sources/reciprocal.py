"""Cases of ``reciprocal``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("reciprocal")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: powers of two, other numbers, special values, no elements."""
    yield SOURCE.hand(
        "powers-of-two",
        "RCP-S1",
        inputs={"x": f32([1, -2, 0.25, 2.0**100, -(2.0**-126)])},
        expected={"y": real([1, -0.5, 4, 2.0**-100, -(2.0**126)])},
        notes="Reciprocals that float32 holds exactly.",
    )
    x = f32([3, -7, 0.1, 1e30, 1e-30, 1 + 2.0**-23])
    yield SOURCE.exact(
        "points",
        "RCP-S1",
        inputs={"x": x},
        expected={"y": real([1 / Fraction(value) for value in x.tolist()])},
        notes="rcpps, which has 12 bits, shows.",
    )
    yield SOURCE.hand(
        "special-values",
        "RCP-S1 RCP-S2",
        inputs={"x": f32([0, -0.0, math.inf, -math.inf, math.nan])},
        expected={"y": exact_reals([math.inf, -math.inf, 0, -0.0, math.nan])},
        notes="The sign of a zero counts.",
    )
    yield SOURCE.hand(
        "empty", "RCP-S1", inputs={"x": f32([[]])}, expected={"y": exact_reals([[]])}, notes="No elements."
    )
