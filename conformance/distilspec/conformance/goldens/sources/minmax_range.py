"""Cases of ``minmax_range``."""

from __future__ import annotations

from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, f32, f64
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("minmax_range")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: signs, one element, rounding."""
    yield SOURCE.hand(
        "matrix",
        "OBSM-S1",
        inputs={"x": f32([[3, -7], [0.5, 2]])},
        expected={"minimum": f32(-7), "maximum": f32(3)},
        notes="Both ends over the whole tensor.",
    )
    yield SOURCE.hand(
        "all-positive",
        "OBSM-S1",
        inputs={"x": f32([4, 2.5, 9])},
        expected={"minimum": f32(2.5), "maximum": f32(9)},
        notes="The range is the observed one; an observer that starts at 0 gives the minimum 0.",
    )
    yield SOURCE.hand(
        "one-element",
        "OBSM-S1",
        inputs={"x": f32([-3])},
        expected={"minimum": f32(-3), "maximum": f32(-3)},
        notes="One value is both ends.",
    )
    yield SOURCE.hand(
        "float64-is-rounded",
        "OBSM-S1",
        inputs={"x": f64([1 + 2.0**-30, -1 - 2.0**-24, -0.5])},
        expected={"minimum": f32(-1), "maximum": f32(1)},
        notes="Values become float32: 2**-30 vanishes, and -1 - 2**-24 is a tie that goes to -1.",
    )
    yield SOURCE.hand(
        "float64-is-not-cut-off",
        "OBSM-S1",
        inputs={"x": f64([1 + 2.0**-24 + 2.0**-40, -1 - 2.0**-24 - 2.0**-40])},
        expected={"minimum": f32(-1 - 2.0**-23), "maximum": f32(1 + 2.0**-23)},
        notes="A little more than half a step of float32 is a whole one; cutting it off gives -1 and 1.",
    )
