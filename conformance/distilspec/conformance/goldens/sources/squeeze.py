"""Cases of ``squeeze``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, f32, i64
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("squeeze")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: some axes, negative axes, down to a scalar, no elements."""
    yield SOURCE.hand(
        "one-of-two",
        "SQZ-S1",
        inputs={"x": f32([[[1, 2]], [[3, 4]]])},
        expected={"y": f32([[1, 2], [3, 4]])},
        attributes={"axes": (1,)},
        notes="Shape (2, 1, 2) becomes (2, 2).",
    )
    yield SOURCE.hand(
        "only-the-named-axes",
        "SQZ-S1",
        inputs={"x": i64([[[7]]])},
        expected={"y": i64([7])},
        attributes={"axes": (0, -1)},
        notes="The middle axis of size 1 stays.",
    )
    yield SOURCE.hand(
        "to-a-scalar",
        "SQZ-S1",
        inputs={"x": f32([[0.5]])},
        expected={"y": f32(0.5)},
        attributes={"axes": (0, 1)},
        notes="No axes left.",
    )
    yield SOURCE.hand(
        "empty",
        "SQZ-S1",
        inputs={"x": np.zeros((1, 0), np.float32)},
        expected={"y": np.zeros((0,), np.float32)},
        attributes={"axes": (0,)},
        notes="No elements.",
    )
