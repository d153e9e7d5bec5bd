"""``block_magnitude_mask``: which blocks of a weight to keep for a given sparsity."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real, round_half_even
from distilspec.reference.contract.checks import expect, expect_block_shape, expect_finite, expect_float
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import BoolArray, Float64Array, RealArray


def block_magnitude_mask(weight: RealArray, *, block_shape: tuple[int, int], sparsity: float) -> BoolArray:
    """
    Drop the share ``sparsity`` of the blocks, those with the smallest sums of magnitudes.

    BMM-C1  weight is float32 or float64, and finite
    BMM-C2  weight is a matrix, and block_shape = (out, in) is positive and divides its shape
    BMM-C3  0 <= sparsity <= 1
    BMM-S1  score[R, C] = sum of |w| over block (R, C)   (float64, row by row from the first element to the last)
    BMM-S2  pruned = round_half_even(sparsity * blocks)   (float64 product)
    BMM-S3  the pruned blocks have the smallest scores; among equal scores, those with the lower R, then the lower C
    BMM-S4  the mask is True where the block is kept, for every element of the block

    Parameters
    ----------
    weight : float [out_features, in_features]
    block_shape : (int, int)
    sparsity : float

    Returns
    -------
    bool [out_features, in_features]
        Fresh memory.

    Raises
    ------
    DTypeError
        BMM-C1.
    ShapeError
        BMM-C2.
    RangeError
        BMM-C3, and a weight that is not finite (BMM-C1).

    Accuracy
    --------
    Exact.

    Special values
    --------------
    Sparsity 0 keeps every block, also those of zeros; 1 keeps none. NaN and infinities are refused: they have no order.

    Source
    ------
    Block-structured magnitude pruning with pooled |w|: arXiv 2111.05754 and its code, which cut at a threshold for each
    weight. A threshold does not say what happens to equal scores; a number of blocks and BMM-S3 do.

    Examples
    --------
    0.5 * 5 blocks is a tie, so 2 are pruned; of the three blocks with score 1 those two come first:

    >>> block_magnitude_mask(np.float32([[1, 5, -1, 1, 7]]), block_shape=(1, 1), sparsity=0.5).tolist()
    [[False, True, False, True, True]]
    """
    expect_float("block_magnitude_mask", "BMM-C1", weight=weight)
    expect_block_shape("block_magnitude_mask", weight, block_shape, clause="BMM-C2")
    expect_finite("block_magnitude_mask", "weight", weight, why="magnitudes are compared", clause="BMM-C1")
    expect(
        0 <= sparsity <= 1,
        RangeError,
        "block_magnitude_mask",
        seen=f"sparsity is {sparsity}",
        expected="0 to 1",
        why="it is a share of the blocks",
        clause="BMM-C3",
    )
    out, in_ = block_shape
    score = block_scores(weight, block_shape)
    pruned = int(round_half_even(np.asarray(sparsity * score.size)))  # BMM-S2
    order = np.argsort(score, axis=None, kind="stable")  # BMM-S3
    kept = np.ones(score.size, np.bool_)
    kept[order[:pruned]] = False
    return kept.reshape(score.shape).repeat(out, axis=0).repeat(in_, axis=1)  # BMM-S4


def block_scores(weight: RealArray, block_shape: tuple[int, int]) -> Float64Array:
    """Return the sum of magnitudes of every block: float64 [block rows, block columns]."""
    out, in_ = block_shape
    rows, columns = weight.shape[0] // out, weight.shape[1] // in_
    magnitudes = np.abs(real(weight)).reshape(rows, out, columns, in_)
    score = np.zeros((rows, columns))
    for i, j in np.ndindex(out, in_):
        score += magnitudes[:, i, :, j]  # BMM-S1
    return score
