"""Cases of ``layer_norm``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32, pattern, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.sources.linear import tenths
from distilspec.conformance.goldens.transcendental import sqrt

SOURCE = Source("layer_norm")


def normalized(row: Sequence[float], weight: Sequence[float], bias: Sequence[float], epsilon: float) -> list[Fraction]:
    """Return one normalised row of real numbers."""
    mean = sum(map(Fraction, row), Fraction(0)) / len(row)
    deviations = [Fraction(value) - mean for value in row]
    root = sqrt(sum((d * d for d in deviations), Fraction(0)) / len(row) + Fraction(epsilon))
    return [d / root * Fraction(w) + Fraction(b) for d, w, b in zip(deviations, weight, bias, strict=True)]


def cases() -> Iterator[GoldenCase]:
    """Yield every case: the variance, epsilon, large means, constant rows, tails of vectors, special values."""
    yield SOURCE.hand(
        "biased-variance",
        "LN-S1 LN-S2 LN-S3 LN-S4 LN-S5",
        inputs={"x": f32([[3, 7, 3, 7]]), "weight": f32([1, 1, 2, 2]), "bias": f32([0, 0, 10, 10])},
        expected={"y": real([[-1, 1, 8, 12]])},
        attributes={"epsilon": 0.0},
        notes="Mean 5, variance 4, deviations -2 and 2. Dividing by n - 1 gives 0.866 instead of 1.",
    )
    yield SOURCE.hand(
        "epsilon-under-the-root",
        "LN-S4",
        inputs={"x": f32([[-1, 1]]), "weight": f32([1, 1]), "bias": f32([0, 0])},
        expected={"y": real([[-0.5, 0.5]])},
        attributes={"epsilon": 3.0},
        notes="1 / sqrt(1 + 3). Added to the root it gives 1 / 4; left out it gives 1.",
    )
    yield SOURCE.hand(
        "constant-row",
        "LN-S4 LN-S5",
        inputs={
            "x": f32([[5, 5, 5], [0, 0, 0], [100.1] * 3]),
            "weight": f32([2, 3, 4]),
            "bias": f32([1, -1, 0.5]),
        },
        expected={"y": real([[1, -1, 0.5]] * 3)},
        attributes={"epsilon": 1e-5},
        notes="Deviations are 0, so only the bias is left; a negative variance, from E[x**2] - mean**2, gives NaN.",
    )
    yield SOURCE.hand(
        "one-feature",
        "LN-S1 LN-S4",
        inputs={"x": f32([[7], [-2]]), "weight": f32([3]), "bias": f32([0.25])},
        expected={"y": real([[0.25], [0.25]])},
        attributes={"epsilon": 1e-5},
        notes="A single feature is its own mean; dividing by n - 1 gives NaN.",
    )
    for name, mean in (("1e4", 10000), ("1e6", 1000000)):
        row = f32([mean + value for value in (-1.5, -0.5, 0.25, 0.5, 1.25, 2, -0.75, -1.25)]).tolist()
        weight, bias = f32([1, 0.5, 2, 1, 1, 1, 1, 1]).tolist(), f32([0, 0.125, 0, 0, -1, 0, 0, 0]).tolist()
        yield SOURCE.exact(
            f"large-mean-{name}",
            "LN-S1 LN-S2 LN-S3",
            inputs={"x": f32([row]), "weight": f32(weight), "bias": f32(bias)},
            expected={"y": real([normalized(row, weight, bias, 1e-12)])},
            attributes={"epsilon": 1e-12},
            notes="""A mean far larger than the deviations: the variance as E[x**2] - mean**2 has no digit left in
            float32, in two passes it keeps all that the mean leaves.
            At 1e6 float32 can promise nothing, float64 everything.""",
        )
    for size in (15, 16, 17, 33):
        x, weight, bias = tenths((2, size), size), tenths((size,), size + 1), tenths((size,), size + 2)
        yield SOURCE.exact(
            f"features-{size}",
            "LN-S1 LN-S2 LN-S3 LN-S4 LN-S5",
            inputs={"x": f32(x), "weight": f32(weight), "bias": f32(bias)},
            expected={"y": real([normalized(row, weight, bias, 1e-5) for row in x])},
            attributes={"epsilon": 1e-5},
            notes="Sizes around the width of a vector: the tail belongs to the mean and to the variance.",
        )
    row = (pattern((8,), 5, -100, 100) * 2.0**-60).tolist()
    yield SOURCE.exact(
        "epsilon-dominates",
        "LN-S4",
        inputs={"x": f32([row]), "weight": f32([1] * 8), "bias": f32([0] * 8)},
        expected={"y": real([normalized(row, [1] * 8, [0] * 8, 1e-12)])},
        attributes={"epsilon": 1e-12},
        notes="Deviations of 1e-17: the squares are 1e-34, and epsilon alone is under the root.",
    )
    yield SOURCE.hand(
        "nan-stays-in-its-row",
        "LN-S1",
        inputs={"x": f32([[1, math.nan], [-1, 1], [math.inf, 0]]), "weight": f32([1, 1]), "bias": f32([0, 0])},
        expected={"y": real([[math.nan, math.nan], [-0.5, 0.5], [math.nan, math.nan]])},
        attributes={"epsilon": 3.0},
        notes="NaN and infinity make their row NaN, and no other.",
    )
    yield SOURCE.hand(
        "no-rows",
        "LN-S1",
        inputs={"x": np.zeros((0, 3), np.float32), "weight": f32([1, 1, 1]), "bias": f32([0, 0, 0])},
        expected={"y": exact_reals([]).reshape(0, 3)},
        attributes={"epsilon": 1e-12},
        notes="No rows, no results, and no error.",
    )
