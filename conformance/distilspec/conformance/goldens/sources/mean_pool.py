"""Cases of ``mean_pool``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from distilspec.conformance.goldens.build import Source, boolean, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.sources.linear import tenths

SOURCE = Source("mean_pool")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: padding on either side, nothing kept, special values, sizes."""
    yield SOURCE.hand(
        "padding",
        "MEAN-S1 MEAN-S2",
        inputs={
            "hidden_states": f32([[[1, 10], [3, 20], [100, 100]], [[100, 100], [5, -5], [100, 100]]]),
            "attention_mask": boolean([[True, True, False], [False, True, False]]),
        },
        expected={"y": real([[2, 15], [5, -5]])},
        notes="Divided by the number of kept tokens; by the length of the sequence it gives 4/3 and 5/3.",
    )
    yield SOURCE.hand(
        "nothing-kept",
        "MEAN-S4",
        inputs={
            "hidden_states": f32([[[1, 2], [3, 4]], [[1, 2], [3, 4]]]),
            "attention_mask": boolean([[False, False], [True, True]]),
        },
        expected={"y": real([[0, 0], [2, 3]])},
        notes="Zeros, not 0 / 0.",
    )
    yield SOURCE.hand(
        "masked-nan-and-infinity",
        "MEAN-S3",
        inputs={
            "hidden_states": f32([[[1, 2], [math.nan, math.inf], [3, 6]]]),
            "attention_mask": boolean([[True, False, True]]),
        },
        expected={"y": real([[2, 4]])},
        notes="A product with the mask gives NaN.",
    )
    x, mask = tenths((2, 17, 3), 1), [[True] * 17, [i % 3 != 1 for i in range(17)]]
    yield SOURCE.exact(
        "sequence-of-17",
        "MEAN-S1 MEAN-S2",
        inputs={"hidden_states": f32(x), "attention_mask": boolean(mask)},
        expected={"y": real([_mean(tokens, kept) for tokens, kept in zip(x, mask, strict=True)])},
        notes="One more than the width of a vector; the mask need not be a prefix.",
    )
    yield SOURCE.hand(
        "no-tokens",
        "MEAN-S4",
        inputs={"hidden_states": np.zeros((1, 0, 2), np.float32), "attention_mask": np.zeros((1, 0), np.bool_)},
        expected={"y": real([[0, 0]])},
        notes="A sequence without tokens keeps none.",
    )


def _mean(tokens: list[list[float]], kept: list[bool]) -> list[Fraction]:
    chosen = [token for token, keep in zip(tokens, kept, strict=True) if keep]
    return [sum(map(Fraction, feature), Fraction(0)) / len(chosen) for feature in zip(*chosen, strict=True)]
