"""Cases of ``sigmoid``."""

from __future__ import annotations

import math
from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.transcendental import exp

SOURCE = Source("sigmoid")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: points on both sides, far below 0, special values, no elements."""
    x = f32([-80, -10, -2, -1, -0.5, -0.1, 0.1, 0.5, 1, 2, 10, 80])
    yield SOURCE.exact(
        "points",
        "SIG-S1",
        inputs={"x": x},
        expected={"y": real([1 / (1 + exp(-value)) for value in x.tolist()])},
        notes="Far below 0 the digits stay: 1 - 1 / (1 + exp(x)) cancels there.",
    )
    yield SOURCE.hand(
        "special-values",
        "SIG-S1",
        inputs={"x": f32([0, -0.0, math.inf, -math.inf, math.nan])},
        expected={"y": real([0.5, 0.5, 1, 0, math.nan])},
        notes="1 / (1 + infinity) is 0; infinity / infinity must not become NaN.",
    )
    yield SOURCE.hand(
        "empty", "SIG-S1", inputs={"x": f32([[]])}, expected={"y": exact_reals([[]])}, notes="No elements."
    )
