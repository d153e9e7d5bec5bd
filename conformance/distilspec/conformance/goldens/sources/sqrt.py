"""Cases of ``sqrt``."""

from __future__ import annotations

import math
from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.transcendental import sqrt

SOURCE = Source("sqrt")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: squares, other numbers, denormal and special values, no elements."""
    yield SOURCE.hand(
        "squares",
        "SQRT-S1",
        inputs={"x": f32([0, 1, 4, 0.25, 16777216, 2.0**-126])},
        expected={"y": real([0, 1, 2, 0.5, 4096, 2.0**-63])},
        notes="Roots that float32 holds exactly.",
    )
    x = f32([2, 3, 0.1, 1e-30, 1e30, 1 + 2.0**-23, 2.0**-149, 5 * 2.0**-149])
    yield SOURCE.exact(
        "points",
        "SQRT-S1",
        inputs={"x": x},
        expected={"y": real([sqrt(value) for value in x.tolist()])},
        notes="Denormal numbers have normal roots of full accuracy.",
    )
    yield SOURCE.hand(
        "special-values",
        "SQRT-S1 SQRT-S2",
        inputs={"x": f32([math.inf, -1, -math.inf, math.nan, -0.0])},
        expected={"y": exact_reals([math.inf, math.nan, math.nan, math.nan, -0.0])},
        notes="-0 is not below 0.",
    )
    yield SOURCE.hand(
        "empty", "SQRT-S1", inputs={"x": f32([[]])}, expected={"y": exact_reals([[]])}, notes="No elements."
    )
