"""``quantized_block_sparse_linear``: product of 8-bit activations and a transposed block-sparse 8-bit weight."""

from __future__ import annotations

from distilspec.reference.arith import real
from distilspec.reference.contract.operands.quantized_block_sparse_linear import expect_quantized_block_sparse_linear
from distilspec.reference.contract.types import Array, CodeArray, Float32Array, Float64Array, Int8Array, RealArray
from distilspec.reference.ops.quantized_linear import quantized_linear
from distilspec.reference.ops.unpack_block_sparse import unpack_block_sparse


def quantized_block_sparse_linear(
    x: CodeArray,
    x_scale: Float32Array,
    x_zero_point: CodeArray,
    data: Int8Array,
    indices: Array,
    indptr: Array,
    weight_scale: Float32Array,
    bias: RealArray | None = None,
) -> Float64Array:
    """
    Multiply codes by a transposed block-sparse weight of codes, scale the sums, and add a bias.

    QBSL-C1  x is uint8 or int8 with at least one axis, data int8
    QBSL-C2  data, indices and indptr have the dtypes and shapes of UNPK-C1 with in_features = x.shape[-1]
    QBSL-C3  indices and indptr satisfy UNPK-C2
    QBSL-C4  the other operands satisfy QL-C1 to QL-C5 for the unpacked weight
    QBSL-S1  weight = unpack_block_sparse(data, indices, indptr)   (blocks that are not stored are zero)
    QBSL-S2  the result is quantized_linear on that weight, bit for bit   (QL-S1 to QL-S3; an empty block row gives the
             bias, whatever the zero point)

    Parameters
    ----------
    x : uint8 or int8 [..., in_features]
    x_scale : float32, a scalar, or one per row as [..., 1]
    x_zero_point : dtype of x, scalar
    data : int8 [blocks, out, in]
    indices : int32 or int64 [blocks]
    indptr : int32 or int64 [out_features / out + 1]
    weight_scale : float32 [out_features]
    bias : float [out_features], optional

    Returns
    -------
    float64 [..., out_features]
        Fresh memory.

    Raises
    ------
    DTypeError
        QBSL-C1, QBSL-C2, QBSL-C4.
    ShapeError
        QBSL-C2, QBSL-C4.
    RangeError
        QBSL-C3, QBSL-C4.

    Accuracy
    --------
    As ``quantized_linear``: accumulators are exact, the epilogue has its bound.

    Special values
    --------------
    No blocks at all give the bias, or zero. A stored block may be zero.

    Source
    ------
    scipy.sparse.bsr_array for the layout. ITREX and oneDNN fold the zero point of x into a sum over the weight, which
    must then run over the stored blocks only.

    Examples
    --------
    The zero point 255 counts for the stored block alone, and the empty block row gives the bias:

    >>> x, half, data = np.uint8([[0, 9]]), np.float32(0.5), np.int8([[[-128]]])
    >>> quantized_block_sparse_linear(
    ...     x, half, np.uint8(255), data, np.int32([0]), np.int32([0, 1, 1]), np.float32([1, 1]), np.float32([1, 2])
    ... ).tolist()
    [[16321.0, 2.0]]
    """
    expect_quantized_block_sparse_linear(x, data, indices, indptr)  # QBSL-C1 to QBSL-C3
    weight = unpack_block_sparse(data, indices, indptr, in_features=x.shape[-1])  # QBSL-S1
    return real(quantized_linear(x, x_scale, x_zero_point, weight, weight_scale, bias))  # QBSL-S2, QBSL-C4
