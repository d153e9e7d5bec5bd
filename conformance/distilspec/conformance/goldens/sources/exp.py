"""Cases of ``exp``."""

from __future__ import annotations

import math
from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.transcendental import exp

SOURCE = Source("exp")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: points on both sides, near 0, special values, no elements."""
    x = f32([-80, -10, -1, -0.5, -0.1, 0.1, 0.5, math.log(2), 1, 10, 80, 88])
    yield SOURCE.exact(
        "points",
        "EXP-S1",
        inputs={"x": x},
        expected={"y": real([exp(value) for value in x.tolist()])},
        notes="Both signs, results within the normal range of float32.",
    )
    x = f32([1e-30, -1e-8, 2.0**-24, 1e-3])
    yield SOURCE.exact(
        "near-zero",
        "EXP-S1",
        inputs={"x": x},
        expected={"y": real([exp(value) for value in x.tolist()])},
        notes="Results next to 1.",
    )
    yield SOURCE.hand(
        "special-values",
        "EXP-S1",
        inputs={"x": f32([0, -0.0, -math.inf, math.inf, math.nan])},
        expected={"y": real([1, 1, 0, math.inf, math.nan])},
        notes="-infinity gives 0, which masks rely on.",
    )
    yield SOURCE.hand(
        "empty", "EXP-S1", inputs={"x": f32([[]])}, expected={"y": exact_reals([[]])}, notes="No elements."
    )
