"""Cases of ``gelu_tanh``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.transcendental import exp, pi, sqrt

SOURCE = Source("gelu_tanh")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: points on both sides, the distance to the erf form, special values, no elements."""
    x = f32([-10, -5, -3, -1, -0.5, -0.1, 0, 0.1, 0.5, 1, 3, 5, 10])
    yield SOURCE.exact(
        "points",
        "GELUT-S1 GELUT-S2",
        inputs={"x": x},
        expected={"y": real([_gelu_tanh(value) for value in x.tolist()])},
        notes="""Both sides. (1 + tanh(u)) / 2 is taken as 1 / (1 + exp(-2 u)), which is the same number and does not
        cancel.""",
    )
    x = f32([-2.7, -2.2, 2.2, 2.7])
    yield SOURCE.exact(
        "not-the-erf-form",
        "GELUT-S1 GELUT-S2",
        inputs={"x": x},
        expected={"y": real([_gelu_tanh(value) for value in x.tolist()])},
        notes="Where the two forms differ most, by 4.7e-4; a runtime that takes the other one fails here.",
    )
    yield SOURCE.hand(
        "special-values",
        "GELUT-S2",
        inputs={"x": f32([0, math.inf, math.nan])},
        expected={"y": exact_reals([0, math.inf, math.nan])},
        notes="NaN stays NaN.",
    )
    yield SOURCE.hand(
        "minus-infinity",
        "GELUT-S3",
        inputs={"x": f32([-math.inf])},
        expected={"y": exact_reals([0])},
        notes="The limit: the product -infinity * 0 must not become NaN.",
    )
    yield SOURCE.hand(
        "cube-overflows",
        "GELUT-S1 GELUT-S2",
        inputs={"x": f32([2.0**60, -(2.0**60)])},
        expected={"y": real([2**60, 0])},
        notes="The cube is infinite in float32; the results are the limits.",
    )
    yield SOURCE.hand(
        "empty", "GELUT-S2", inputs={"x": f32([[]])}, expected={"y": exact_reals([[]])}, notes="No elements."
    )


def _gelu_tanh(x: float) -> Fraction:
    value = Fraction(x)
    u = sqrt(2 / pi()) * (value + Fraction(44715, 1000000) * value**3)
    return value / (1 + exp(-2 * u))
