"""Cases of ``absolute``."""

from __future__ import annotations

import math
from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, exact_reals, f32
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("absolute")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: both signs, special values, no elements."""
    yield SOURCE.hand(
        "both-signs",
        "ABS-S1",
        inputs={"x": f32([[-2.5, 2.5], [-(2.0**-149), -3e38]])},
        expected={"y": exact_reals([[2.5, 2.5], [2.0**-149, f32(3e38).item()]])},
        notes="Denormal and large numbers as well.",
    )
    yield SOURCE.hand(
        "special-values",
        "ABS-S1",
        inputs={"x": f32([-0.0, -math.inf, math.inf, math.nan])},
        expected={"y": exact_reals([0, math.inf, math.inf, math.nan])},
        notes="NaN stays NaN.",
    )
    yield SOURCE.hand(
        "empty", "ABS-S1", inputs={"x": f32([[]])}, expected={"y": exact_reals([[]])}, notes="No elements."
    )
