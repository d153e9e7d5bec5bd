"""``quantized_block_sparse_linear``: product of codes and a transposed block-sparse weight of codes."""

from __future__ import annotations

from distilspec.fast.lower.constants import unpacked
from distilspec.fast.operators.products import code_product
from distilspec.fast.operators.quantized_linear import expect_quantized
from distilspec.reference.contract.checks import expect_block_sparse, expect_dtype, expect_rank
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
    name = "quantized_block_sparse_linear"
    expect_dtype(name, "x", x, ("uint8", "int8"), why="codes have 8 bits", clause="QBSL-C1")
    expect_rank(name, "x", x, 1, why="its last axis is summed", clause="QBSL-C1")
    expect_dtype(name, "data", data, ("int8",), why="its zero point is 0", clause="QBSL-C1")
    expect_block_sparse(name, data, indices, indptr, x.shape[-1], layout="QBSL-C2", structure="QBSL-C3")
    weight = unpacked(data, indices, indptr, x.shape[-1])
    expect_quantized(name, x, x_scale, x_zero_point, weight, weight_scale, bias)
    return code_product(x, x_scale, x_zero_point, weight, weight_scale, bias, sparse=True)
