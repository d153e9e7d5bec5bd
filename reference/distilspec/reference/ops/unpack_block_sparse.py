"""``unpack_block_sparse``."""

from __future__ import annotations

from distilspec.reference.contract.types import Array
from scipy import sparse


def unpack_block_sparse(data: Array, indices: Array, indptr: Array, *, in_features: int) -> Array:
    """To be specified."""
    shape = ((len(indptr) - 1) * data.shape[1], in_features)
    dense: Array = sparse.bsr_array((data, indices, indptr), shape=shape).toarray()
    return dense
