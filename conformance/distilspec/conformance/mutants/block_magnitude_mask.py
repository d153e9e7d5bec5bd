"""Wrong ways to carry out ``block_magnitude_mask``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference.arith import real, round_half_even
from distilspec.reference.contract.types import Array, BoolArray, RealArray


def _magnitudes(blocks: Array) -> Array:
    return np.asarray(np.abs(blocks).sum(axis=(1, 3)))


def _half_even(blocks: float) -> int:
    return int(round_half_even(np.asarray(blocks)))


def _stable(score: Array) -> Array:
    return np.argsort(score, axis=None, kind="stable")


def _whole_blocks(kept: Array, block_shape: tuple[int, int]) -> Array:
    return kept.repeat(block_shape[0], axis=0).repeat(block_shape[1], axis=1)


def _mask_by(
    score_of: Callable[[Array], Array] = _magnitudes,
    count: Callable[[float], int] = _half_even,
    order_of: Callable[[Array], Array] = _stable,
    spread: Callable[[Array, tuple[int, int]], Array] = _whole_blocks,
) -> Callable[..., BoolArray]:
    def operator(weight: RealArray, *, block_shape: tuple[int, int], sparsity: float) -> BoolArray:
        out, in_ = block_shape
        rows, columns = weight.shape[0] // out, weight.shape[1] // in_
        score = score_of(real(weight).reshape(rows, out, columns, in_))
        kept = np.ones(score.size, np.bool_)
        kept[order_of(score)[: count(sparsity * score.size)]] = False
        return spread(kept.reshape(rows, columns), block_shape)

    return operator


def _signed_sum(blocks: Array) -> Array:
    return np.asarray(np.abs(blocks.sum(axis=(1, 3))))


def _largest(blocks: Array) -> Array:
    return np.asarray(np.abs(blocks).max(axis=(1, 3)))


def _squares(blocks: Array) -> Array:
    return np.asarray((blocks**2).sum(axis=(1, 3)))


def _float32_sum(blocks: Array) -> Array:
    return real(_magnitudes(blocks).astype(np.float32))


def _rounded_up(blocks: float) -> int:
    return int(np.floor(blocks + 0.5))


def _later_first(score: Array) -> Array:
    return np.lexsort((-np.arange(score.size), score.ravel()))


def _largest_first(score: Array) -> Array:
    return _stable(score)[::-1]


def _negated(kept: Array, block_shape: tuple[int, int]) -> Array:
    return ~_whole_blocks(kept, block_shape)


def _tiled(kept: Array, block_shape: tuple[int, int]) -> Array:
    return np.tile(kept, block_shape)


def _first_row_only(kept: Array, block_shape: tuple[int, int]) -> Array:
    mask = _whole_blocks(kept, block_shape)
    mask[np.arange(len(mask)) % block_shape[0] != 0] = True
    return mask


_NAME = "block_magnitude_mask"

MUTANTS = (
    Mutant("the score is the magnitude of the sum", _NAME, ("BMM-S1",), _mask_by(_signed_sum)),
    Mutant("the score is the largest magnitude", _NAME, ("BMM-S1",), _mask_by(_largest)),
    Mutant("the score is the sum of squares", _NAME, ("BMM-S1",), _mask_by(_squares)),
    Mutant("the score is held in float32", _NAME, ("BMM-S1",), _mask_by(_float32_sum)),
    Mutant("half a block is rounded up", _NAME, ("BMM-S2",), _mask_by(count=_rounded_up)),
    Mutant("a part of a block is cut off", _NAME, ("BMM-S2",), _mask_by(count=int)),
    Mutant("of equal scores the later are pruned", _NAME, ("BMM-S3",), _mask_by(order_of=_later_first)),
    Mutant("the largest scores are pruned", _NAME, ("BMM-S3",), _mask_by(order_of=_largest_first)),
    Mutant("True prunes", _NAME, ("BMM-S4",), _mask_by(spread=_negated)),
    Mutant("the mask of the blocks is tiled, not enlarged", _NAME, ("BMM-S4",), _mask_by(spread=_tiled)),
    Mutant("only the first row of a block is pruned", _NAME, ("BMM-S4",), _mask_by(spread=_first_row_only)),
)
