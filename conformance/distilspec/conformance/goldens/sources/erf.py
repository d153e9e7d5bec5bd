"""Cases of ``erf``."""

from __future__ import annotations

import math
from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.transcendental import erf

SOURCE = Source("erf")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: points on both sides, near 0, special values, no elements."""
    x = f32([-5, -2, -1, -0.5, -0.1, 0.1, 0.5, 0.921875, 1, 1.5, 2, 3, 3.9, 5])
    yield SOURCE.exact(
        "points",
        "ERF-S1",
        inputs={"x": x},
        expected={"y": real([erf(value) for value in x.tolist()])},
        notes="Both signs, and the places where rational approximations change.",
    )
    x = f32([1e-30, -1e-10, 1e-5, 2.0**-20])
    yield SOURCE.exact(
        "near-zero",
        "ERF-S1",
        inputs={"x": x},
        expected={"y": real([erf(value) for value in x.tolist()])},
        notes="2 x / sqrt(pi) to the last digit; the fit of Abramowitz and Stegun has an error of 1e-7 of 1, not of x.",
    )
    yield SOURCE.hand(
        "special-values",
        "ERF-S1",
        inputs={"x": f32([0, -0.0, math.inf, -math.inf, math.nan])},
        expected={"y": real([0, -0.0, 1, -1, math.nan])},
        notes="The limits are reached at infinity.",
    )
    yield SOURCE.hand(
        "empty", "ERF-S1", inputs={"x": f32([[]])}, expected={"y": exact_reals([[]])}, notes="No elements."
    )
