"""Cases of ``scaled_dot_product_attention``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from distilspec.conformance.goldens.build import Source, boolean, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.exact import dot
from distilspec.conformance.goldens.sources.linear import tenths
from distilspec.conformance.goldens.sources.softmax import weights

SOURCE = Source("scaled_dot_product_attention")

Matrix = Sequence[Sequence[float]]


def attended(
    query: Matrix, key: Matrix, value: Matrix, scale: float, mask: Sequence[Sequence[bool]] | None = None
) -> list[list[Fraction]]:
    """Return the attention of one head in real numbers."""
    results = []
    for index, row in enumerate(query):
        scores = [Fraction(scale) * dot(row, line) for line in key]
        shares = weights(scores, None if mask is None else mask[index])
        results.append(
            [
                sum((w * Fraction(v) for w, v in zip(shares, c, strict=True)), Fraction(0))
                for c in zip(*value, strict=True)
            ]
        )
    return results


def cases() -> Iterator[GoldenCase]:
    """Yield every case: scale, masks, fully masked queries, heads, tails of vectors, large scores, empty axes."""
    yield SOURCE.hand(
        "equal-scores",
        "SDPA-S1 SDPA-S2 SDPA-S3",
        inputs={
            "query": f32([[0, 0], [1, -1]]),
            "key": f32([[5, 5], [-3, -3]]),
            "value": f32([[2, 4, 6], [4, 8, -6]]),
            "mask": None,
        },
        expected={"y": real([[3, 6, 0], [3, 6, 0]])},
        attributes={"scale": 0.5},
        notes="Scores of 0 everywhere: the mean of the values. value_dim 3 differs from head_dim 2.",
    )
    query, key, value = (f32(rows).tolist() for rows in ([[1, 2]], [[1, 0], [0, 1]], [[1, 0], [0, 1]]))
    yield SOURCE.exact(
        "scale",
        "SDPA-S1",
        inputs={"query": f32(query), "key": f32(key), "value": f32(value), "mask": None},
        expected={"y": real(attended(query, key, value, 0.25))},
        attributes={"scale": 0.25},
        notes="The given scale counts, not 1 / sqrt(head_dim) = 0.71.",
    )
    yield SOURCE.hand(
        "masked-key",
        "SDPA-S2 SDPA-S3",
        inputs={
            "query": f32([[1, 1], [1, 1]]),
            "key": f32([[1, 1], [9, 9], [1, 1]]),
            "value": f32([[1, 2], [100, 200], [3, 4]]),
            "mask": boolean([[True, False, True]]),
        },
        expected={"y": real([[2, 3], [2, 3]])},
        attributes={"scale": 1.0},
        notes="The masked key has by far the largest score; ignoring the mask gives its value.",
    )
    yield SOURCE.hand(
        "masked-nan-and-infinity",
        "SDPA-S4",
        inputs={
            "query": f32([[1, 1]]),
            "key": f32([[1, 1], [math.nan, 1], [1, 1], [1, 1]]),
            "value": f32([[1, 2], [7, 7], [math.inf, math.nan], [3, 4]]),
            "mask": boolean([[True, False, False, True]]),
        },
        expected={"y": real([[2, 3]])},
        attributes={"scale": 1.0},
        notes="0 * infinity must not become NaN: what padding holds changes nothing.",
    )
    yield SOURCE.hand(
        "fully-masked-query",
        "SDPA-S5",
        inputs={
            "query": f32([[1, 1], [1, 1]]),
            "key": f32([[1, 1], [1, 1]]),
            "value": f32([[1, 2], [3, 4]]),
            "mask": boolean([[False, False], [True, True]]),
        },
        expected={"y": real([[0, 0], [2, 3]])},
        attributes={"scale": 1.0},
        notes="""Nothing kept: zeros. Hugging Face gives the mean of all values on one path and something else on
        another.""",
    )
    shape = (2, 2, 3, 4)
    query4, key4, value4 = tenths(shape, 1), tenths(shape, 2), tenths(shape, 3)
    kept = [[True, True, True], [True, True, False]]
    yield SOURCE.exact(
        "heads-and-padding",
        "SDPA-S1 SDPA-S2 SDPA-S3",
        inputs={
            "query": f32(query4),
            "key": f32(key4),
            "value": f32(value4),
            "mask": boolean([[[row]] for row in kept]),
        },
        expected={
            "y": real(
                [
                    [attended(q, k, v, 0.5, [row] * 3) for q, k, v in zip(qs, ks, vs, strict=True)]
                    for qs, ks, vs, row in zip(query4, key4, value4, kept, strict=True)
                ]
            )
        },
        attributes={"scale": 0.5},
        notes="Two sequences of two heads; the second sequence has one token of padding: mask [batch, 1, 1, sequence].",
    )
    for size in (1, 15, 17):
        query, key, value = tenths((2, size), 4), tenths((size, size), 5), tenths((size, 3), 6)
        scale = 1 / math.sqrt(size)
        yield SOURCE.exact(
            f"keys-{size}",
            "SDPA-S1 SDPA-S2 SDPA-S3",
            inputs={"query": f32(query), "key": f32(key), "value": f32(value), "mask": None},
            expected={"y": real(attended(query, key, value, scale))},
            attributes={"scale": scale},
            notes="""Keys and head_dim around the width of a vector; the scale is the float64 nearest to 1 /
            sqrt(head_dim).""",
        )
    query, key, value = [[100.0, 0.0]], [[100.0, 1.0], [99.0, 1.0], [99.9375, 3.0]], [[1.0], [2.0], [4.0]]
    yield SOURCE.exact(
        "large-scores",
        "SDPA-S2",
        inputs={"query": f32(query), "key": f32(key), "value": f32(value), "mask": None},
        expected={"y": real(attended(query, key, value, 1.0))},
        attributes={"scale": 1.0},
        notes="Scores near 1e4: the maximum is subtracted before the exponential.",
    )
    yield SOURCE.hand(
        "no-queries",
        "SDPA-S3",
        inputs={"query": np.zeros((0, 2), np.float32), "key": f32([[1, 2]]), "value": f32([[1]]), "mask": None},
        expected={"y": exact_reals([]).reshape(0, 1)},
        attributes={"scale": 1.0},
        notes="No queries, no results, and no error.",
    )
    yield SOURCE.hand(
        "no-keys",
        "SDPA-S5",
        inputs={
            "query": f32([[1, 2]]),
            "key": np.zeros((0, 2), np.float32),
            "value": np.zeros((0, 3), np.float32),
            "mask": None,
        },
        expected={"y": real([[0, 0, 0]])},
        attributes={"scale": 1.0},
        notes="No key is kept where there is none.",
    )
