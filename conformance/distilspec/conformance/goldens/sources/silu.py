"""Cases of ``silu``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.transcendental import exp

SOURCE = Source("silu")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: points on both sides, special values, no elements."""
    x = f32([-80, -10, -2, -1.2784645, -0.5, -0.1, 0.1, 0.5, 1, 2, 10, 80])
    yield SOURCE.exact(
        "points",
        "SILU-S1",
        inputs={"x": x},
        expected={"y": real([Fraction(value) / (1 + exp(-value)) for value in x.tolist()])},
        notes="Both sides, and the minimum near -1.278.",
    )
    yield SOURCE.hand(
        "special-values",
        "SILU-S1",
        inputs={"x": f32([0, math.inf, math.nan])},
        expected={"y": exact_reals([0, math.inf, math.nan])},
        notes="NaN stays NaN.",
    )
    yield SOURCE.hand(
        "minus-infinity",
        "SILU-S2",
        inputs={"x": f32([-math.inf])},
        expected={"y": exact_reals([0])},
        notes="The limit: the product -infinity * 0 must not become NaN.",
    )
    yield SOURCE.hand(
        "empty", "SILU-S1", inputs={"x": f32([[]])}, expected={"y": exact_reals([[]])}, notes="No elements."
    )
