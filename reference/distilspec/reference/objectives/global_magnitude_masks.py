"""``global_magnitude_masks``: the smallest blocks of several weights, ranked together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from distilspec.reference.arith import round_half_even
from distilspec.reference.contract.checks import (
    expect,
    expect_block_shape,
    expect_finite,
    expect_float,
)
from distilspec.reference.contract.errors import ShapeError, errors_about
from distilspec.reference.contract.types import BoolArray, RealArray
from distilspec.reference.objectives.schedule import expect_sparsity
from distilspec.reference.ops.block_magnitude_mask import block_scores


def global_magnitude_masks(
    weights: Mapping[str, RealArray], *, block_shape: tuple[int, int], sparsity: float
) -> dict[str, BoolArray]:
    """
    Drop the share ``sparsity`` of the blocks of all weights together, those with the smallest sums of magnitudes.

    GMM-C1  every weight is float32 or float64, and finite; there is at least one
    GMM-C2  every weight is a matrix, and block_shape = (out, in) is positive and divides its shape
    GMM-C3  0 <= sparsity <= 1
    GMM-S1  the score of a block is that of block_magnitude_mask, BMM-S1
    GMM-S2  pruned = round_half_even(sparsity * the blocks of all weights)   (float64 product)
    GMM-S3  the pruned blocks have the smallest scores of all; among equal scores, those of the earlier weight, then
            with the lower R, then with the lower C
    GMM-S4  a mask is True where the block is kept, for every element of the block

    Parameters
    ----------
    weights : mapping of name to float [out_features, in_features]
        Its order is that of GMM-S3.
    block_shape : (int, int)
    sparsity : float

    Returns
    -------
    dict of name to bool [out_features, in_features]
        Fresh memory.

    Raises
    ------
    DTypeError
        GMM-C1.
    ShapeError
        No weight (GMM-C1), GMM-C2.
    RangeError
        A weight that is not finite (GMM-C1), GMM-C3.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    A weight may lose all of its blocks.

    Source
    ------
    torch.nn.utils.prune.global_unstructured, for blocks. Ranks instead of a threshold: equal scores do not make it drop
    more than was asked, as those at the threshold do in Distiller's level pruner. Per-layer pruning is
    ``block_magnitude_mask`` for each weight; the block shape (1, 1) is unstructured pruning.

    Examples
    --------
    Half of four weights; a threshold at 1 would drop three:

    >>> weights = {"a": np.float32([[1, 9]]), "b": np.float32([[1, 1]])}
    >>> masks = global_magnitude_masks(weights, block_shape=(1, 1), sparsity=0.5)
    >>> {name: mask.tolist() for name, mask in masks.items()}
    {'a': [[False, True]], 'b': [[False, True]]}
    """
    expect(
        len(weights) > 0,
        ShapeError,
        "global_magnitude_masks",
        seen="there is no weight",
        expected="at least one",
        why="blocks are ranked",
        clause="GMM-C1",
    )
    expect_sparsity("global_magnitude_masks", clause="GMM-C3", sparsity=sparsity)
    for name, weight in weights.items():
        with errors_about(name):
            expect_float("global_magnitude_masks", "GMM-C1", weight=weight)
            expect_block_shape("global_magnitude_masks", weight, block_shape, clause="GMM-C2")
            expect_finite("global_magnitude_masks", "weight", weight, why="magnitudes are compared", clause="GMM-C1")
    scores = {name: block_scores(weight, block_shape) for name, weight in weights.items()}  # GMM-S1
    ranked = np.concatenate([score.ravel() for score in scores.values()])
    pruned = int(round_half_even(np.asarray(sparsity * ranked.size)))  # GMM-S2
    kept = np.ones(ranked.size, np.bool_)
    kept[np.argsort(ranked, kind="stable")[:pruned]] = False  # GMM-S3
    masks = {}
    first = 0
    for name, score in scores.items():
        blocks = kept[first : first + score.size].reshape(score.shape)
        masks[name] = blocks.repeat(block_shape[0], axis=0).repeat(block_shape[1], axis=1)  # GMM-S4
        first += score.size
    return masks
