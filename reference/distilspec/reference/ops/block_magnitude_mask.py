"""``block_magnitude_mask``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.contract.types import BoolArray, RealArray


def block_magnitude_mask(weight: RealArray, *, block_shape: tuple[int, int], sparsity: float) -> BoolArray:
    """To be specified."""
    rows, columns = weight.shape[0] // block_shape[0], weight.shape[1] // block_shape[1]
    blocks = np.abs(weight.astype(np.float64)).reshape(rows, block_shape[0], columns, block_shape[1]).sum(axis=(1, 3))
    pruned = round(sparsity * blocks.size)
    order = np.argsort(blocks, axis=None, kind="stable")
    kept = np.ones(blocks.size, np.bool_)
    kept[order[:pruned]] = False
    return kept.reshape(blocks.shape).repeat(block_shape[0], axis=0).repeat(block_shape[1], axis=1)
