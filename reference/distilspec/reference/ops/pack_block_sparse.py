"""``pack_block_sparse``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from distilspec.reference.contract.types import Array
from scipy import sparse


class BlockSparse(NamedTuple):
    """A matrix in SciPy's BSR form."""

    data: Array
    indices: Array
    indptr: Array


def pack_block_sparse(weight: Array, *, block_shape: tuple[int, int]) -> BlockSparse:
    """To be specified."""
    packed = sparse.bsr_array(weight, blocksize=block_shape)
    packed.eliminate_zeros()
    packed.sort_indices()
    return BlockSparse(packed.data, packed.indices.astype(np.int32), packed.indptr.astype(np.int32))
