"""Cases of ``gelu``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.transcendental import normal_cdf

SOURCE = Source("gelu")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: points on both sides, the distance to the tanh form, special values, no elements."""
    x = f32([-10, -5, -3, -1, -0.7517916, -0.5, -0.1, 0, 0.1, 0.5, 1, 3, 5, 10])
    yield SOURCE.exact(
        "points",
        "GELU-S1",
        inputs={"x": x},
        expected={"y": real([Fraction(value) * normal_cdf(value) for value in x.tolist()])},
        notes="""Both sides, and the minimum near -0.752. At -10 the answer is -7.6e-23, which 1 + erf(x / sqrt(2))
        cancels to 0.""",
    )
    x = f32([-2.7, -2.2, 2.2, 2.7])
    yield SOURCE.exact(
        "not-the-tanh-form",
        "GELU-S1",
        inputs={"x": x},
        expected={"y": real([Fraction(value) * normal_cdf(value) for value in x.tolist()])},
        notes="Where the two forms differ most, by 4.7e-4; a runtime that takes the other one fails here.",
    )
    yield SOURCE.hand(
        "special-values",
        "GELU-S1",
        inputs={"x": f32([0, math.inf, math.nan])},
        expected={"y": exact_reals([0, math.inf, math.nan])},
        notes="NaN stays NaN.",
    )
    yield SOURCE.hand(
        "minus-infinity",
        "GELU-S2",
        inputs={"x": f32([-math.inf])},
        expected={"y": exact_reals([0])},
        notes="The limit: the product -infinity * 0 must not become NaN.",
    )
    yield SOURCE.hand(
        "empty", "GELU-S1", inputs={"x": f32([[]])}, expected={"y": exact_reals([[]])}, notes="No elements."
    )
