"""``block_sparse_linear``: product with a transposed block-sparse weight, plus bias."""

from __future__ import annotations

from distilspec.fast.lower.constants import unpacked
from distilspec.fast.operators.linear import linear
from distilspec.reference.contract.operands.block_sparse_linear import expect_block_sparse_linear
from distilspec.reference.contract.types import Array, Float32Array, RealArray


def block_sparse_linear(
    x: RealArray, data: RealArray, indices: Array, indptr: Array, bias: RealArray | None = None
) -> Float32Array:
    """Return the operator ``block_sparse_linear``: ``linear`` with the weight's zeros put in, as plans have it."""
    expect_block_sparse_linear(x, data, indices, indptr, bias)
    return linear(x, unpacked(data, indices, indptr, x.shape[-1]), bias)
