"""Cases of ``unsqueeze``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, boolean, f32
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("unsqueeze")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: a mask, axes of the result, a scalar, no elements."""
    yield SOURCE.hand(
        "mask",
        "USQ-S1",
        inputs={"x": boolean([[True, False], [False, True]])},
        expected={"y": boolean([[[[True, False]]], [[[False, True]]]])},
        attributes={"axes": (1, 2)},
        notes="[batch, sequence] to [batch, 1, 1, sequence].",
    )
    yield SOURCE.hand(
        "axes-of-the-result",
        "USQ-S1",
        inputs={"x": f32([[1, 2, 3], [4, 5, 6]])},
        expected={"y": f32([[[[1], [2], [3]], [[4], [5], [6]]]])},
        attributes={"axes": (0, 3)},
        notes="Shape (1, 2, 3, 1): axis 3 is one of the result; the operand has no such axis.",
    )
    yield SOURCE.hand(
        "scalar",
        "USQ-S1",
        inputs={"x": f32(3)},
        expected={"y": f32([[3]])},
        attributes={"axes": (0, 1)},
        notes="A scalar becomes a matrix.",
    )
    yield SOURCE.hand(
        "empty",
        "USQ-S1",
        inputs={"x": np.zeros((0,), np.float32)},
        expected={"y": np.zeros((1, 0), np.float32)},
        attributes={"axes": (0,)},
        notes="No elements.",
    )
