"""``block_sparse_linear``: product with a transposed block-sparse weight, plus bias."""

from __future__ import annotations

from distilspec.reference.contract.operands.block_sparse_linear import expect_block_sparse_linear
from distilspec.reference.contract.types import Array, Float64Array, RealArray
from distilspec.reference.ops.linear import linear
from distilspec.reference.ops.unpack_block_sparse import unpack_block_sparse


def block_sparse_linear(
    x: RealArray, data: RealArray, indices: Array, indptr: Array, bias: RealArray | None = None
) -> Float64Array:
    """
    Multiply the last axis of ``x`` by a transposed block-sparse weight and add a bias.

    BSL-C1  x, data and bias are float32 or float64; x has at least one axis
    BSL-C2  data, indices and indptr have the dtypes and shapes of UNPK-C1 with in_features = x.shape[-1]
    BSL-C3  indices and indptr satisfy UNPK-C2
    BSL-C4  bias, when given, has shape (out_features,) with out_features = block rows * out (LIN-C2)
    BSL-S1  weight = unpack_block_sparse(data, indices, indptr)   (blocks that are not stored are zero)
    BSL-S2  y = linear(x, weight, bias)   (LIN-S1, LIN-S2; an empty block row gives the bias)

    Parameters
    ----------
    x : float [..., in_features]
    data : float [blocks, out, in]
    indices : int32 or int64 [blocks]
    indptr : int32 or int64 [out_features / out + 1]
    bias : float [out_features], optional

    Returns
    -------
    float64 [..., out_features]
        Fresh memory.

    Raises
    ------
    DTypeError
        BSL-C1, BSL-C2.
    ShapeError
        BSL-C2, BSL-C4.
    RangeError
        BSL-C3.

    Accuracy
    --------
    Real value; the bound of ``linear`` on the unpacked weight holds.

    Special values
    --------------
    No blocks at all give the bias, or zero. NaN and infinities in x are unspecified for outputs that do not store the
    block they meet: a sparse kernel skips them.

    Source
    ------
    scipy.sparse.bsr_array for the layout; Higham, Accuracy and Stability of Numerical Algorithms, section 3.1.

    Examples
    --------
    The second block row is empty, and its outputs are the bias:

    >>> data, indices, indptr = np.float32([[[2], [3]]]), np.int32([1]), np.int32([0, 1, 1])
    >>> block_sparse_linear(np.float32([[7, 10]]), data, indices, indptr, np.float32([0, 1, 2, 3])).tolist()
    [[20.0, 31.0, 2.0, 3.0]]
    """
    expect_block_sparse_linear(x, data, indices, indptr, bias)  # BSL-C1 to BSL-C3
    weight = unpack_block_sparse(data, indices, indptr, in_features=x.shape[-1])  # BSL-S1
    return linear(x, weight, bias)  # BSL-S2, BSL-C4
