"""``block_sparse_linear``: product with a transposed block-sparse weight, plus bias."""

from __future__ import annotations

from distilspec.fast.lower.constants import unpacked
from distilspec.fast.operators.linear import linear
from distilspec.reference.contract.checks import expect_block_sparse, expect_float, expect_rank
from distilspec.reference.contract.types import Array, Float32Array, RealArray


def block_sparse_linear(
    x: RealArray, data: RealArray, indices: Array, indptr: Array, bias: RealArray | None = None
) -> Float32Array:
    """Return the operator ``block_sparse_linear``: ``linear`` with the weight's zeros put in, as plans have it."""
    expect_float("block_sparse_linear", "BSL-C1", x=x, data=data, bias=bias)
    expect_rank("block_sparse_linear", "x", x, 1, why="its last axis is summed", clause="BSL-C1")
    expect_block_sparse("block_sparse_linear", data, indices, indptr, x.shape[-1], layout="BSL-C2", structure="BSL-C3")
    return linear(x, unpacked(data, indices, indptr, x.shape[-1]), bias)
