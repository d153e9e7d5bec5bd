"""Cases of ``relu``."""

from __future__ import annotations

import math
from collections.abc import Iterator

from distilspec.conformance.goldens.build import Loose, Source, exact_reals, f32
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("relu")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: both signs, denormal and special values, no elements."""
    x = f32([[-2.5, -1e-3, 0], [1e-3, 2.5, 1e30]])
    yield SOURCE.hand(
        "both-signs",
        "RELU-S1",
        inputs={"x": x},
        expected={"y": exact_reals([[0, 0, 0], x[1].tolist()])},
        notes="Positive elements pass unchanged.",
    )
    yield SOURCE.hand(
        "denormal",
        "RELU-S1",
        inputs={"x": f32([2.0**-149, -(2.0**-149)])},
        expected={"y": Loose(exact_reals([2.0**-149, 0]))},
        notes="The smallest positive float32 passes too, unless the runtime reads denormal numbers as 0.",
    )
    yield SOURCE.hand(
        "special-values",
        "RELU-S1 RELU-S2",
        inputs={"x": f32([math.inf, -math.inf, math.nan])},
        expected={"y": exact_reals([math.inf, 0, math.nan])},
        notes="NaN is not hidden, as a comparison with 0, or maxps with its operands exchanged, would hide it.",
    )
    yield SOURCE.hand(
        "empty", "RELU-S1", inputs={"x": f32([[]])}, expected={"y": exact_reals([[]])}, notes="No elements."
    )
