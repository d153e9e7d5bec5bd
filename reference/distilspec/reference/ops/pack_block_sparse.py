"""``pack_block_sparse``: a matrix as the list of its blocks that are not zero."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from distilspec.reference.contract.checks import expect_block_shape, expect_dtype
from distilspec.reference.contract.types import Array, Int32Array


class BlockSparse(NamedTuple):
    """A matrix in SciPy's BSR form."""

    data: Array
    indices: Int32Array
    indptr: Int32Array


def pack_block_sparse(weight: Array, *, block_shape: tuple[int, int]) -> BlockSparse:
    """
    Keep the blocks of a matrix that are not zero, row of blocks by row of blocks.

    PACK-C1  weight is float32, float64, int8 or uint8
    PACK-C2  weight is a matrix, and block_shape = (out, in) is positive and divides its shape
    PACK-S1  block (R, C) is weight[R * out : (R + 1) * out, C * in : (C + 1) * in]
    PACK-S2  a block is left out when each of its elements is +0; a block that holds -0.0 is kept
    PACK-S3  data holds the kept blocks, by R and then by C, and indices their C
    PACK-S4  the blocks of block row R are data[indptr[R] : indptr[R + 1]]

    Parameters
    ----------
    weight : float32, float64, int8 or uint8 [out_features, in_features]
    block_shape : (int, int)

    Returns
    -------
    data : dtype of weight [blocks, out, in]
    indices : int32 [blocks]
    indptr : int32 [out_features / out + 1]
        Fresh memory.

    Raises
    ------
    DTypeError
        PACK-C1.
    ShapeError
        PACK-C2.

    Accuracy
    --------
    Exact: ``unpack_block_sparse`` gives the weight back, bit for bit.

    Special values
    --------------
    A matrix of zeros, or without elements, has no blocks. NaN, infinities and -0.0 are kept as they are (PACK-S2).

    Source
    ------
    scipy.sparse.bsr_array for the names; its canonical form, indices that rise and no duplicates.

    Examples
    --------
    The second block row is empty:

    >>> packed = pack_block_sparse(np.int8([[0, 5], [0, 0], [0, 0], [0, 0]]), block_shape=(2, 1))
    >>> packed.data.tolist(), packed.indices.tolist(), packed.indptr.tolist()
    ([[[5], [0]]], [1], [0, 1, 1])
    """
    expect_dtype(
        "pack_block_sparse",
        "weight",
        weight,
        ("float32", "float64", "int8", "uint8"),
        why="weights are numbers or codes",
        clause="PACK-C1",
    )
    expect_block_shape("pack_block_sparse", weight, block_shape, clause="PACK-C2")
    out, in_ = block_shape
    rows, columns = weight.shape[0] // out, weight.shape[1] // in_
    blocks = weight.reshape(rows, out, columns, in_).transpose(0, 2, 1, 3)  # PACK-S1
    kept = ((blocks != 0) | np.signbit(blocks)).any(axis=(2, 3))  # PACK-S2
    indices = np.nonzero(kept)[1].astype(np.int32)  # PACK-S3
    indptr = np.append(0, kept.sum(axis=1).cumsum()).astype(np.int32)  # PACK-S4
    return BlockSparse(blocks[kept], indices, indptr)  # PACK-S3
