"""Cases of ``linear``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32, pattern, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.exact import Number, dot

SOURCE = Source("linear")


def product(
    x: Sequence[Sequence[Number]], weight: Sequence[Sequence[Number]], bias: Sequence[Number] | None = None
) -> list[list[Fraction]]:
    """Return the exact product of rows with a transposed weight, plus bias."""
    shift: Sequence[Number] = [0] * len(weight) if bias is None else bias
    return [[dot(row, line) + Fraction(b) for line, b in zip(weight, shift, strict=True)] for row in x]


def tenths(shape: tuple[int, ...], seed: int) -> Any:
    """Return nested lists of float32 values near multiples of 1/10, which no float holds exactly."""
    return f32(pattern(shape, seed, -30, 30) / 10).tolist()


def cases() -> Iterator[GoldenCase]:
    """Yield every case: small integers, cancellation, bias, tails of vectors, batches, empty axes."""
    yield SOURCE.hand(
        "small-integers",
        "LIN-S1 LIN-S2",
        inputs={"x": f32([[1, 2, 3], [-1, 0, 1]]), "weight": f32([[1, 0, -1], [2, 2, 2]]), "bias": f32([10, -10])},
        expected={"y": exact_reals([[8, 2], [8, -10]])},
        notes="The weight is [out_features, in_features] and is transposed; the bias belongs to the output.",
    )
    yield SOURCE.hand(
        "without-bias",
        "LIN-S1",
        inputs={"x": f32([[1, 2]]), "weight": f32([[3, 4]]), "bias": None},
        expected={"y": exact_reals([[11]])},
        notes="An absent bias adds nothing.",
    )
    yield SOURCE.hand(
        "cancellation",
        "LIN-S1 LIN-S2",
        inputs={"x": f32([[2**25, 1, -(2**25)]]), "weight": f32([[1, 1, 1]]), "bias": f32([0.5])},
        expected={"y": real([[1.5]])},
        notes="The sum cancels to 1; a float32 sum may lose it, and the bound is as large as that.",
    )
    yield SOURCE.hand(
        "beyond-float16",
        "LIN-S1",
        inputs={"x": f32([[4096, 1]]), "weight": f32([[4096, 1], [1, 2.0**-12]]), "bias": None},
        expected={"y": real([[2**24 + 1, 4096 + 2.0**-12]])},
        notes="2**24 is infinite in float16, and 4096 + 2**-12 needs 25 bits.",
    )
    for inner, outputs in ((1, 1), (15, 17), (16, 16), (17, 15), (33, 31)):
        x, weight, bias = tenths((2, inner), inner), tenths((outputs, inner), outputs), tenths((outputs,), 9)
        yield SOURCE.exact(
            f"tail-{inner}-by-{outputs}",
            "LIN-S1 LIN-S2",
            inputs={"x": f32(x), "weight": f32(weight), "bias": f32(bias)},
            expected={"y": real(product(x, weight, bias))},
            notes="Sizes around the width of a vector.",
        )
    x3, weight, bias = tenths((2, 3, 4), 1), tenths((5, 4), 2), tenths((5,), 3)
    yield SOURCE.exact(
        "batch-of-sequences",
        "LIN-S1 LIN-S2",
        inputs={"x": f32(x3), "weight": f32(weight), "bias": f32(bias)},
        expected={"y": real([product(rows, weight, bias) for rows in x3])},
        notes="Only the last axis is summed over.",
    )
    yield SOURCE.hand(
        "inner-0",
        "LIN-S1 LIN-S2",
        inputs={"x": np.zeros((2, 0), np.float32), "weight": np.zeros((3, 0), np.float32), "bias": f32([1, 2, 3])},
        expected={"y": exact_reals([[1, 2, 3]] * 2)},
        notes="An empty sum is 0 and leaves the bias.",
    )
    yield SOURCE.hand(
        "no-rows",
        "LIN-S1",
        inputs={"x": np.zeros((0, 2), np.float32), "weight": f32([[1, 2]]), "bias": None},
        expected={"y": np.zeros((0, 1), np.float64)},
        notes="No rows, no results, and no error.",
    )
