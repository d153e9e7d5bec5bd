"""Cases of ``softmax``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from distilspec.conformance.goldens.build import Source, boolean, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.exact import Number
from distilspec.conformance.goldens.sources.linear import tenths
from distilspec.conformance.goldens.transcendental import exp

SOURCE = Source("softmax")


def weights(row: Sequence[Number], kept: Sequence[bool] | None = None) -> list[Fraction]:
    """Return the softmax of one row over its kept entries, 0 elsewhere."""
    mask = [True] * len(row) if kept is None else kept
    largest = max((Fraction(x) for x, keep in zip(row, mask, strict=True) if keep), default=Fraction(0))
    e = [exp(Fraction(x) - largest) if keep else Fraction(0) for x, keep in zip(row, mask, strict=True)]
    total = sum(e)
    return [value / total if total else value for value in e]


def cases() -> Iterator[GoldenCase]:
    """Yield every case: shifts, large logits, masks, fully masked rows, axes, tails of vectors, special values."""
    yield SOURCE.hand(
        "equal-logits",
        "SM-S1 SM-S2 SM-S3",
        inputs={"x": f32([[0, 0], [-7.5, -7.5], [1e4, 1e4], [3e38, 3e38], [-3e38, -3e38]]), "mask": None},
        expected={"y": real([[0.5, 0.5]] * 5)},
        notes="Whatever the size: without subtracting the maximum, exp overflows or vanishes and gives NaN.",
    )
    row = [1e4, 9999, 9998.5, -1e4]
    yield SOURCE.exact(
        "large-logits",
        "SM-S1 SM-S2 SM-S3",
        inputs={"x": f32([row]), "mask": None},
        expected={"y": real([weights(row)])},
        notes="Logits of 1e4 with small differences; the last one's weight is 0 in every float.",
    )
    row = f32([0.1, -2.3, 1.7, 0, 0.9]).tolist()
    yield SOURCE.exact(
        "row",
        "SM-S2 SM-S3",
        inputs={"x": f32(row), "mask": None},
        expected={"y": real(weights(row))},
        notes="One row without further axes.",
    )
    x, mask = f32([[1, 2, 3], [1, 2, 3], [3, 2, 1]]).tolist(), [[True, True, False], [False, True, False], [True] * 3]
    yield SOURCE.exact(
        "mask",
        "SM-S3 SM-S4",
        inputs={"x": f32(x), "mask": boolean(mask)},
        expected={"y": real([weights(row, kept) for row, kept in zip(x, mask, strict=True)])},
        notes="""A masked entry has weight 0 and is no part of the maximum and of the sum. With the mask ignored all
        differ.""",
    )
    yield SOURCE.hand(
        "masked-entry-is-the-largest",
        "SM-S1 SM-S4",
        inputs={"x": f32([[-100, 1e9, -100]]), "mask": boolean([[True, False, True]])},
        expected={"y": real([[0.5, 0, 0.5]])},
        notes="""Adding -10000 to a masked logit of 1e9 leaves it the largest; subtracting it from the others gives 0
        / 0.""",
    )
    yield SOURCE.hand(
        "masked-nan-and-infinity",
        "SM-S4",
        inputs={"x": f32([[2, math.nan, 2, math.inf], [2, 2, -math.inf, 2]]), "mask": boolean([[True, False] * 2] * 2)},
        expected={"y": real([[0.5, 0, 0.5, 0], [1, 0, 0, 0]])},
        notes="What stands at a masked entry changes nothing; an additive mask makes the row NaN.",
    )
    yield SOURCE.hand(
        "fully-masked-row",
        "SM-S5",
        inputs={"x": f32([[1, 2, 3], [5, 5, math.nan]]), "mask": boolean([[False] * 3, [True, True, False]])},
        expected={"y": real([[0, 0, 0], [0.5, 0.5, 0]])},
        notes="Nothing kept: zeros. An additive mask gives the softmax of the logits, or 1/3 each, or NaN.",
    )
    yield SOURCE.hand(
        "mask-broadcasts",
        "SM-S4",
        inputs={
            "x": f32([[[1, 1, 1], [2, 2, 2]], [[3, 3, 3], [4, 4, 4]]]),
            "mask": boolean([[[True] * 2 + [False]], [[True] * 3]]),
        },
        expected={"y": real([[[0.5, 0.5, 0]] * 2, [[Fraction(1, 3)] * 3] * 2])},
        notes="One mask a sequence, repeated over its rows.",
    )
    columns = f32([[0, 1], [0.5, -1], [2, 1]]).tolist()
    by_column = [weights(column) for column in zip(*columns, strict=True)]
    yield SOURCE.exact(
        "axis-0",
        "SM-S1 SM-S3",
        inputs={"x": f32(columns), "mask": None},
        expected={"y": real([list(row) for row in zip(*by_column, strict=True)])},
        attributes={"axis": 0},
        notes="Axis 0 is a legal axis, not an absent one: `axis or -1` takes the last.",
    )
    for size in (1, 15, 16, 17, 33):
        x = tenths((2, size), size)
        yield SOURCE.exact(
            f"row-of-{size}",
            "SM-S2 SM-S3",
            inputs={"x": f32(x), "mask": None},
            expected={"y": real([weights(row) for row in x])},
            notes="Sizes around the width of a vector: the tail belongs to the maximum and to the sum.",
        )
    yield SOURCE.hand(
        "kept-infinities",
        "SM-S1 SM-S2 SM-S3",
        inputs={"x": f32([[-math.inf, 3, 3], [math.inf, 1, 1], [-math.inf] * 3, [math.nan, 1, 1]]), "mask": None},
        expected={"y": real([[0, 0.5, 0.5]] + [[math.nan] * 3] * 3)},
        notes="A kept -infinity has weight 0; a kept NaN or +infinity, or nothing but -infinity, makes the row NaN.",
    )
    yield SOURCE.hand(
        "empty-axis",
        "SM-S5",
        inputs={"x": np.zeros((2, 0), np.float32), "mask": None},
        expected={"y": exact_reals([[], []])},
        notes="Rows without entries, and no error.",
    )
