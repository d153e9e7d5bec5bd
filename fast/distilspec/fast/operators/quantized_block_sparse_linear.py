"""``quantized_block_sparse_linear``: product of codes and a transposed block-sparse weight of codes."""

from __future__ import annotations

from distilspec.fast.lower.constants import unpacked
from distilspec.fast.operators.products import code_product
from distilspec.reference.contract.operands.quantized_block_sparse_linear import expect_quantized_block_sparse_linear
from distilspec.reference.contract.operands.quantized_linear import expect_quantized_linear
from distilspec.reference.contract.types import Array, CodeArray, Float32Array, Int8Array, RealArray


def quantized_block_sparse_linear(
    x: CodeArray,
    x_scale: Float32Array,
    x_zero_point: CodeArray,
    data: Int8Array,
    indices: Array,
    indptr: Array,
    weight_scale: Float32Array,
    bias: RealArray | None = None,
) -> Float32Array:
    """Return the operator ``quantized_block_sparse_linear``: exact sums, float32 within its bound."""
    expect_quantized_block_sparse_linear(x, data, indices, indptr)
    weight = unpacked(data, indices, indptr, x.shape[-1])
    expect_quantized_linear(x, x_scale, x_zero_point, weight, weight_scale, bias)
    _, height, width = data.shape
    return code_product(x, x_scale, x_zero_point, weight, weight_scale, bias, block_shape=(height, width))
