"""Wrong ways to carry out ``pack_block_sparse``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, BoolArray
from distilspec.reference.ops.pack_block_sparse import BlockSparse


def _blocks(weight: Array, block_shape: tuple[int, int]) -> Array:
    out, in_ = block_shape
    return weight.reshape(weight.shape[0] // out, out, weight.shape[1] // in_, in_).transpose(0, 2, 1, 3)


def _keeping(keep: Callable[[Array], BoolArray]) -> Callable[..., BlockSparse]:
    def operator(weight: Array, *, block_shape: tuple[int, int]) -> BlockSparse:
        blocks = _blocks(weight, block_shape)
        kept = keep(blocks)
        indptr = np.append(0, kept.sum(axis=1).cumsum()).astype(np.int32)
        return BlockSparse(blocks[kept], np.nonzero(kept)[1].astype(np.int32), indptr)

    return operator


def _every_block(blocks: Array) -> BoolArray:
    return np.ones(blocks.shape[:2], np.bool_)


def _not_zero(blocks: Array) -> BoolArray:
    return np.asarray((blocks != 0).any(axis=(2, 3)))


def _sum_not_zero(blocks: Array) -> BoolArray:
    return np.asarray((blocks.sum(axis=(2, 3), dtype=blocks.dtype) != 0) | np.signbit(blocks).all(axis=(2, 3)))


def _first_element_not_zero(blocks: Array) -> BoolArray:
    return np.asarray((blocks[:, :, 0, 0] != 0) | np.signbit(blocks[:, :, 0, 0]))


def _rows_in_stripes(weight: Array, *, block_shape: tuple[int, int]) -> BlockSparse:
    packed = ops.pack_block_sparse(weight, block_shape=block_shape)
    columns_first = packed.data.transpose(0, 2, 1).reshape(packed.data.shape)
    return BlockSparse(columns_first, packed.indices, packed.indptr)


def _columns_of_elements(weight: Array, *, block_shape: tuple[int, int]) -> BlockSparse:
    packed = ops.pack_block_sparse(weight, block_shape=block_shape)
    return BlockSparse(packed.data, packed.indices * np.int32(block_shape[1]), packed.indptr)


def _last_column_first(weight: Array, *, block_shape: tuple[int, int]) -> BlockSparse:
    packed = ops.pack_block_sparse(weight, block_shape=block_shape)
    rows = np.repeat(np.arange(len(packed.indptr) - 1), np.diff(packed.indptr))
    order = np.lexsort((-packed.indices, rows))
    return BlockSparse(packed.data[order], packed.indices[order], packed.indptr)


def _sizes(weight: Array, *, block_shape: tuple[int, int]) -> BlockSparse:
    packed = ops.pack_block_sparse(weight, block_shape=block_shape)
    return BlockSparse(packed.data, packed.indices, np.append(np.diff(packed.indptr), 0).astype(np.int32))


def _ends_only(weight: Array, *, block_shape: tuple[int, int]) -> BlockSparse:
    packed = ops.pack_block_sparse(weight, block_shape=block_shape)
    return BlockSparse(packed.data, packed.indices, np.append(packed.indptr[1:], packed.indptr[-1:]))


_NAME = "pack_block_sparse"

MUTANTS = (
    Mutant("the elements of a block are written column by column", _NAME, ("PACK-S1",), _rows_in_stripes),
    Mutant("blocks of zeros are kept", _NAME, ("PACK-S2",), _keeping(_every_block)),
    Mutant("a block of -0.0 is left out", _NAME, ("PACK-S2",), _keeping(_not_zero)),
    Mutant("a block whose elements sum to zero is left out", _NAME, ("PACK-S2",), _keeping(_sum_not_zero)),
    Mutant("a block whose first element is zero is left out", _NAME, ("PACK-S2",), _keeping(_first_element_not_zero)),
    Mutant("indices are columns of elements", _NAME, ("PACK-S3",), _columns_of_elements),
    Mutant("the last column of a block row comes first", _NAME, ("PACK-S3",), _last_column_first),
    Mutant("indptr holds sizes, not positions", _NAME, ("PACK-S4",), _sizes),
    Mutant("indptr holds the ends of the block rows only", _NAME, ("PACK-S4",), _ends_only),
)
