"""Cases of ``mean_sigma_range``."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from distilspec.conformance.goldens.build import Source, f32, f64, pattern
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.exact import float32
from distilspec.conformance.goldens.transcendental import sqrt

SOURCE = Source("mean_sigma_range")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: biased sigma, both clipped ends, a large mean, one element, rounding."""
    yield SOURCE.hand(
        "inside",
        "OBSS-S1 OBSS-S2 OBSS-S3 OBSS-S4",
        inputs={"x": f32([3, 7, 3, 7])},
        expected={"minimum": f32(4), "maximum": f32(6)},
        attributes={"sigmas": 0.5},
        notes="Mean 5, sigma 2. Dividing by n - 1 gives a sigma of 2.31 and the ends 3.85 and 6.15.",
    )
    yield SOURCE.hand(
        "ends-at-the-values",
        "OBSS-S3 OBSS-S4",
        inputs={"x": f32([3, 7, 3, 7])},
        expected={"minimum": f32(3), "maximum": f32(7)},
        attributes={"sigmas": 3.0},
        notes="5 - 6 and 5 + 6 lie beyond the values, where codes would never be used.",
    )
    yield SOURCE.hand(
        "one-end-clipped",
        "OBSS-S3 OBSS-S4",
        inputs={"x": f32([0, 0, 0, 4])},
        expected={"minimum": f32(0), "maximum": f32(1 + 3.0**0.5)},
        attributes={"sigmas": 1.0},
        notes="Mean 1, variance (1 + 1 + 1 + 9) / 4 = 3: 1 - sqrt(3) is clipped to 0, 1 + sqrt(3) is not.",
    )
    yield SOURCE.hand(
        "large-mean",
        "OBSS-S1 OBSS-S2",
        inputs={"x": f32([2**23 - 2, 2**23 + 2])},
        expected={"minimum": f32(2**23 - 1), "maximum": f32(2**23 + 1)},
        attributes={"sigmas": 0.5},
        notes="The mean of the squares less the square of the mean cancels to nothing in float32.",
    )
    yield SOURCE.hand(
        "one-element",
        "OBSS-S2",
        inputs={"x": f32([-2.5])},
        expected={"minimum": f32(-2.5), "maximum": f32(-2.5)},
        attributes={"sigmas": 2.0},
        notes="One value has the sigma 0; dividing by n - 1 gives NaN.",
    )
    yield SOURCE.hand(
        "float64-is-rounded-first",
        "OBSS-S1 OBSS-S2",
        inputs={"x": f64([1 + 2.0**-24, 1])},
        expected={"minimum": f32(1), "maximum": f32(1)},
        attributes={"sigmas": 1.0},
        notes="Both values are 1 in float32.",
    )
    yield SOURCE.hand(
        "float64-is-rounded-before-the-mean",
        "OBSS-S1 OBSS-S4",
        inputs={"x": f64([1 + 2.0**-24 + 2.0**-40, 1])},
        expected={"minimum": f32(1), "maximum": f32(1 + 2.0**-23)},
        attributes={"sigmas": 0.5},
        notes="""The first value is 1 + 2**-23 in float32: mean 1 + 2**-24, sigma 2**-24, and 3/4 of 2**-23 rounds up.
        Of the values as they stand the maximum is 1.""",
    )
    x = (pattern((53,), 8, -3000, 3000) / 256).tolist()
    mean = sum(map(Fraction, x)) / len(x)
    sigma = sqrt(sum((Fraction(value) - mean) ** 2 for value in x) / len(x))
    yield SOURCE.exact(
        "rounded",
        "OBSS-S1 OBSS-S2 OBSS-S3 OBSS-S4",
        inputs={"x": f32(x)},
        expected={"minimum": f32(float32(mean - sigma)), "maximum": f32(float32(mean + sigma))},
        attributes={"sigmas": 1.0},
        notes="One rounding to float32, at the end.",
    )
