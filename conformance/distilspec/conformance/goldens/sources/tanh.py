"""Cases of ``tanh``."""

from __future__ import annotations

import math
from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.transcendental import tanh

SOURCE = Source("tanh")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: points on both sides, near 0, special values, no elements."""
    x = f32([-12, -4, -1, -0.6, -0.1, 0.1, 0.55, 0.625, 1, 2, 9, 12])
    yield SOURCE.exact(
        "points",
        "TANH-S1",
        inputs={"x": x},
        expected={"y": real([tanh(value) for value in x.tolist()])},
        notes="Both signs, and the places where approximations change.",
    )
    x = f32([1e-30, -1e-8, 1e-4, 2.0**-12])
    yield SOURCE.exact(
        "near-zero",
        "TANH-S1",
        inputs={"x": x},
        expected={"y": real([tanh(value) for value in x.tolist()])},
        notes="(exp(2 x) - 1) / (exp(2 x) + 1) cancels to nothing here.",
    )
    yield SOURCE.hand(
        "special-values",
        "TANH-S1",
        inputs={"x": f32([0, -0.0, math.inf, -math.inf, math.nan])},
        expected={"y": real([0, -0.0, 1, -1, math.nan])},
        notes="infinity / infinity must not become NaN.",
    )
    yield SOURCE.hand(
        "far-out",
        "TANH-S1",
        inputs={"x": f32([100, -100, 3e38])},
        expected={"y": real([1, -1, 1])},
        notes="exp(100) squared is infinite in float32; the result is 1 to far more digits than float64 has.",
    )
    yield SOURCE.hand(
        "empty", "TANH-S1", inputs={"x": f32([[]])}, expected={"y": exact_reals([[]])}, notes="No elements."
    )
