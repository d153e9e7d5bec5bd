"""Cases of ``percentile_range``."""

from __future__ import annotations

from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, f32, f64, pattern
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.exact import float32

SOURCE = Source("percentile_range")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: on a value, between values, signs kept, one element, rounding."""
    yield SOURCE.hand(
        "on-a-value",
        "OBSP-S1 OBSP-S2 OBSP-S3 OBSP-S4",
        inputs={"x": f32([5, 1, 4, 2, 3])},
        expected={"minimum": f32(2), "maximum": f32(4)},
        attributes={"percentile": 75.0},
        notes="A quarter of the way along 1, 2, 3, 4, 5 is 2, from the other end 4.",
    )
    yield SOURCE.hand(
        "between-values",
        "OBSP-S2 OBSP-S3 OBSP-S4",
        inputs={"x": f32([8, 0, -8])},
        expected={"minimum": f32(-4), "maximum": f32(4)},
        attributes={"percentile": 75.0},
        notes="Half way between two values; the nearest value, or the lower one, gives other ends.",
    )
    yield SOURCE.hand(
        "signs-are-kept",
        "OBSP-S1 OBSP-S4",
        inputs={"x": f32([-100, -1, 0, 1, 2])},
        expected={"minimum": f32(-1), "maximum": f32(1)},
        attributes={"percentile": 75.0},
        notes="The negative side has its own end; a percentile of magnitudes gives 2 or -2.",
    )
    yield SOURCE.hand(
        "all-values",
        "OBSP-S3 OBSP-S4",
        inputs={"x": f32([3, -9, 7])},
        expected={"minimum": f32(-9), "maximum": f32(7)},
        attributes={"percentile": 100.0},
        notes="Percentile 100 leaves nothing out.",
    )
    yield SOURCE.hand(
        "one-element",
        "OBSP-S2 OBSP-S3",
        inputs={"x": f32([[2.5]])},
        expected={"minimum": f32(2.5), "maximum": f32(2.5)},
        attributes={"percentile": 99.0},
        notes="There is no next value to interpolate to.",
    )
    yield SOURCE.hand(
        "float64-is-rounded-first",
        "OBSP-S1",
        inputs={"x": f64([1 + 2.0**-24, 1 + 2.0**-30, 1])},
        expected={"minimum": f32(1), "maximum": f32(1)},
        attributes={"percentile": 75.0},
        notes="All three values are 1 in float32.",
    )
    yield SOURCE.hand(
        "float64-is-rounded-before-interpolation",
        "OBSP-S1 OBSP-S3",
        inputs={"x": f64([1, 1 + 2.0**-24 + 2.0**-40])},
        expected={"minimum": f32(1), "maximum": f32(1 + 2.0**-23)},
        attributes={"percentile": 75.0},
        notes="""The second value is 1 + 2**-23 in float32, and three quarters of that step round to a whole one.
        Between the values as they stand the maximum is 1.""",
    )
    x = (pattern((101,), 3, -5000, 7000) / 512).tolist()
    yield SOURCE.exact(
        "outliers-99",
        "OBSP-S2 OBSP-S3 OBSP-S4",
        inputs={"x": f32(x)},
        expected={"minimum": f32(_end(x, 99.3)), "maximum": f32(-_end([-value for value in x], 99.3))},
        attributes={"percentile": 99.3},
        notes="The position 0.7 lies between the outermost values.",
    )


def _end(x: list[float], percentile: float) -> float:
    ordered = sorted(x)
    position = (100 - percentile) / 100 * (len(x) - 1)
    below = int(position)
    return float32(ordered[below] + (position - below) * (ordered[below + 1] - ordered[below]))
