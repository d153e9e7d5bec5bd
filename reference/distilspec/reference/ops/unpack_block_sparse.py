"""``unpack_block_sparse``: the matrix that a list of blocks stands for."""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.checks import expect_block_sparse
from distilspec.reference.contract.types import Array


def unpack_block_sparse(data: Array, indices: Array, indptr: Array, *, in_features: int) -> Array:
    """
    Put each block in its place in a matrix of zeros.

    UNPK-C1  data is [blocks, out, in] with positive out and in, and in divides in_features; indices is [blocks] and
             indptr [block rows + 1], int32 or int64
    UNPK-C2  indptr rises, not strictly, from 0 to blocks; within a block row, indices rise strictly and lie in
             [0, in_features / in)
    UNPK-S1  for each b with indptr[R] <= b < indptr[R + 1], the block
             y[R * out : (R + 1) * out, indices[b] * in : (indices[b] + 1) * in] is data[b]
    UNPK-S2  every other element is +0

    Parameters
    ----------
    data : any dtype [blocks, out, in]
    indices : int32 or int64 [blocks]
    indptr : int32 or int64 [block rows + 1]
    in_features : int

    Returns
    -------
    dtype of data [block rows * out, in_features]
        Fresh memory.

    Raises
    ------
    DTypeError, ShapeError
        UNPK-C1.
    RangeError
        UNPK-C2.

    Accuracy
    --------
    Exact, bit for bit.

    Special values
    --------------
    No blocks, an empty block row and no block rows are allowed. A block that is stored twice is refused: SciPy would
    add the two, and codes would wrap.

    Source
    ------
    scipy.sparse.bsr_array, canonical form.

    Examples
    --------
    The first block row is empty:

    >>> unpack_block_sparse(np.int8([[[5], [-6]]]), np.int32([1]), np.int32([0, 0, 1]), in_features=3).tolist()
    [[0, 0, 0], [0, 0, 0], [0, 5, 0], [0, -6, 0]]
    """
    expect_block_sparse(
        "unpack_block_sparse", data, indices, indptr, in_features, layout="UNPK-C1", structure="UNPK-C2"
    )
    _, out, in_ = data.shape
    rows = indptr.size - 1
    blocks = np.zeros((rows, in_features // in_, out, in_), data.dtype)  # UNPK-S2
    blocks[np.repeat(np.arange(rows), np.diff(indptr)), indices] = data  # UNPK-S1
    return blocks.transpose(0, 2, 1, 3).reshape(rows * out, in_features)
