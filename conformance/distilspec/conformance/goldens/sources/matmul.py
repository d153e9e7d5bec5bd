"""Cases of ``matmul``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.sources.linear import product, tenths

SOURCE = Source("matmul")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: small integers, repeated leading axes, tails of vectors, empty axes."""
    yield SOURCE.hand(
        "small-integers",
        "MM-S1",
        inputs={"a": f32([[1, 2], [3, 4]]), "b": f32([[0, 1], [5, 10]])},
        expected={"y": exact_reals([[10, 21], [20, 43]])},
        notes="Rows times columns. With b transposed it is [[2, 25], [4, 55]], the other way round [[3, 4], [35, 50]].",
    )
    yield SOURCE.hand(
        "leading-axes-repeat",
        "MM-S2",
        inputs={"a": f32([[[[1, 2]]], [[[3, 4]]]]), "b": f32([[[1], [1]], [[1], [-1]]])},
        expected={"y": exact_reals([[[[3]], [[-1]]], [[[7]], [[-1]]]])},
        notes="Shapes (2, 1, 1, 2) and (2, 2, 1): each operand is repeated along an axis of the other.",
    )
    for size in (1, 15, 17, 33):
        a, b = tenths((3, size), size), tenths((size, 2), size + 1)
        yield SOURCE.exact(
            f"inner-{size}",
            "MM-S1",
            inputs={"a": f32(a), "b": f32(b)},
            expected={"y": real(product(a, _columns(b)))},
            notes="Sizes around the width of a vector.",
        )
    a3, b3 = tenths((2, 3, 5), 4), tenths((2, 5, 3), 5)
    yield SOURCE.exact(
        "batch",
        "MM-S1 MM-S2",
        inputs={"a": f32(a3), "b": f32(b3)},
        expected={"y": real([product(a, _columns(b)) for a, b in zip(a3, b3, strict=True)])},
        notes="Each matrix of the batch with its own partner.",
    )
    yield SOURCE.hand(
        "inner-0",
        "MM-S1",
        inputs={"a": np.zeros((2, 0), np.float32), "b": np.zeros((0, 3), np.float32)},
        expected={"y": exact_reals([[0] * 3] * 2)},
        notes="An empty sum is 0.",
    )


def _columns(matrix: list[list[float]]) -> list[tuple[Any, ...]]:
    return list(zip(*matrix, strict=True))
