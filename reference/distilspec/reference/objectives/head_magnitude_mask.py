"""``head_magnitude_mask``: which attention heads of a layer to keep."""

from __future__ import annotations

from math import fsum

import numpy as np

from distilspec.reference.arith import real, round_half_even
from distilspec.reference.contract.checks import expect, expect_finite, expect_float, expect_shape
from distilspec.reference.contract.errors import ShapeError
from distilspec.reference.contract.types import BoolArray, RealArray
from distilspec.reference.objectives.schedule import expect_sparsity


def head_magnitude_mask(
    query: RealArray, key: RealArray, value: RealArray, output: RealArray, *, num_heads: int, sparsity: float
) -> BoolArray:
    """
    Drop the share ``sparsity`` of the heads, those with the smallest sums of magnitudes in all four Linears.

    HEAD-C1  the four weights are float32 or float64, and finite
    HEAD-C2  query, key and value are [size, in_features] of one shape, output is [out_features, size]
    HEAD-C3  num_heads is positive and divides size
    HEAD-C4  0 <= sparsity <= 1
    HEAD-S1  head h owns the elements h * d to (h + 1) * d - 1 of size, with d = size / num_heads
    HEAD-S2  score[h] = sum of the magnitudes of its rows in query, key and value and of its columns in output
             (rounded once, to float64)
    HEAD-S3  pruned = round_half_even(sparsity * num_heads)   (float64 product)
    HEAD-S4  the pruned heads have the smallest scores; among equal scores, those with the lower h
    HEAD-S5  the mask is True where the head is kept

    Parameters
    ----------
    query, key, value : float [size, in_features]
    output : float [out_features, size]
    num_heads : int
    sparsity : float

    Returns
    -------
    bool [num_heads]
        Fresh memory.

    Raises
    ------
    DTypeError
        HEAD-C1.
    ShapeError
        HEAD-C2, HEAD-C3.
    RangeError
        A weight that is not finite (HEAD-C1), HEAD-C4.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    Sparsity 1 drops every head: attention then adds the bias of its output.

    Source
    ------
    Structured magnitude pruning; the sum over the four Linears is this project's definition. Michel et al.,
    arXiv 1905.10650, rank heads by the gradient of the loss instead.

    Examples
    --------
    Head 1 has the larger rows, head 0 the larger column, which decides as long as it is not divided by 5:

    >>> rows, columns = np.float32([[1], [2]]), np.float32([[5, 1]])
    >>> head_magnitude_mask(rows, rows, rows, columns, num_heads=2, sparsity=0.5).tolist()
    [True, False]
    >>> head_magnitude_mask(rows, rows, rows, columns / 5, num_heads=2, sparsity=0.5).tolist()
    [False, True]
    """
    weights = {"query": query, "key": key, "value": value, "output": output}
    expect_float("head_magnitude_mask", "HEAD-C1", **weights)
    expect_shape("head_magnitude_mask", "query", query, (None, None), why="a row is of a head", clause="HEAD-C2")
    for name in ("key", "value"):
        expect_shape("head_magnitude_mask", name, weights[name], query.shape, why="query has it", clause="HEAD-C2")
    size = len(query)
    expect_shape("head_magnitude_mask", "output", output, (None, size), why="a column is of a head", clause="HEAD-C2")
    expect(
        num_heads > 0 and size % num_heads == 0,
        ShapeError,
        "head_magnitude_mask",
        seen=f"num_heads is {num_heads}",
        expected=f"a positive number that divides {size}",
        why="every head has the same size",
        clause="HEAD-C3",
    )
    for name, weight in weights.items():
        expect_finite("head_magnitude_mask", name, weight, why="magnitudes are compared", clause="HEAD-C1")
    expect_sparsity("head_magnitude_mask", clause="HEAD-C4", sparsity=sparsity)
    magnitudes = np.abs(np.concatenate([real(query), real(key), real(value), real(output).T], axis=1))
    owned = magnitudes.reshape(num_heads, -1)  # HEAD-S1
    scores = np.array([fsum(head) for head in owned.tolist()])  # HEAD-S2
    pruned = int(round_half_even(np.asarray(sparsity * num_heads)))  # HEAD-S3
    kept = np.ones(num_heads, np.bool_)
    kept[np.argsort(scores, kind="stable")[:pruned]] = False  # HEAD-S4, HEAD-S5
    return kept
