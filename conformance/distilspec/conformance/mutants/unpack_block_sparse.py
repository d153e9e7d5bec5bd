"""Wrong ways to carry out ``unpack_block_sparse``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Array


def indices_ignored(data: Array, indices: Array, indptr: Array, *, in_features: int) -> Array:
    """Put the blocks of a row side by side from the left."""
    rank = np.arange(len(indices)) - np.repeat(indptr[:-1], np.diff(indptr))
    return ops.unpack_block_sparse(data, rank.astype(indices.dtype), indptr, in_features=in_features)


def columns_mirrored(data: Array, indices: Array, indptr: Array, *, in_features: int) -> Array:
    """Count block columns from the right."""
    _, out, in_ = data.shape
    dense = ops.unpack_block_sparse(data, indices, indptr, in_features=in_features)
    rows = dense.reshape(-1, out, in_features // in_, in_)[:, :, ::-1]
    return rows.reshape(dense.shape)


def block_elements_swapped(data: Array, indices: Array, indptr: Array, *, in_features: int) -> Array:
    """Read the elements of a block with its columns as the slow axis."""
    columns_first = data.reshape(len(data), data.shape[2], data.shape[1]).transpose(0, 2, 1)
    return ops.unpack_block_sparse(columns_first, indices, indptr, in_features=in_features)


def last_block_dropped(data: Array, indices: Array, indptr: Array, *, in_features: int) -> Array:
    """Leave the last block out."""
    return ops.unpack_block_sparse(
        data[:-1], indices[:-1], np.minimum(indptr, max(len(data) - 1, 0)), in_features=in_features
    )


def empty_rows_skipped(data: Array, indices: Array, indptr: Array, *, in_features: int) -> Array:
    """Close the gaps that empty block rows leave, so that later blocks move up."""
    sizes = np.diff(indptr)
    closed = np.append(sizes[sizes > 0], sizes[sizes == 0])
    moved = np.append(0, np.cumsum(closed)).astype(indptr.dtype)
    return ops.unpack_block_sparse(data, indices, moved, in_features=in_features)


def previous_row_repeated(data: Array, indices: Array, indptr: Array, *, in_features: int) -> Array:
    """Leave what the previous block row held in an empty one."""
    dense = ops.unpack_block_sparse(data, indices, indptr, in_features=in_features)
    rows = dense.reshape(len(indptr) - 1, -1, in_features)
    for row in np.flatnonzero(np.diff(indptr) == 0):
        rows[row] = rows[row - 1]
    return rows.reshape(dense.shape)


def not_cleared(data: Array, indices: Array, indptr: Array, *, in_features: int) -> Array:
    """Leave ones where no block is stored."""
    there = ops.unpack_block_sparse(np.ones_like(data), indices, indptr, in_features=in_features)
    dense = ops.unpack_block_sparse(data, indices, indptr, in_features=in_features)
    return np.where(there == 1, dense, dense.dtype.type(1))


_NAME = "unpack_block_sparse"

MUTANTS = (
    Mutant("block indices are ignored", _NAME, ("UNPK-S1",), indices_ignored),
    Mutant("block columns are counted from the right", _NAME, ("UNPK-S1",), columns_mirrored),
    Mutant("the elements of a block are read column by column", _NAME, ("UNPK-S1",), block_elements_swapped),
    Mutant("the last block is dropped", _NAME, ("UNPK-S1",), last_block_dropped),
    Mutant("an empty block row is skipped, so that later ones move up", _NAME, ("UNPK-S1",), empty_rows_skipped),
    Mutant("an empty block row repeats the one before", _NAME, ("UNPK-S2",), previous_row_repeated),
    Mutant("memory is not cleared before the blocks are put in", _NAME, ("UNPK-S2",), not_cleared),
)
