"""What ``block_sparse_linear`` accepts."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect_block_sparse, expect_float, expect_rank
from distilspec.reference.contract.types import Array


def expect_block_sparse_linear(x: Array, data: Array, indices: Array, indptr: Array, bias: Array | None) -> None:
    """Raise unless BSL-C1 to BSL-C3 hold; BSL-C4 is what ``linear`` accepts, of the unpacked weight."""
    operator = "block_sparse_linear"
    expect_float(operator, "BSL-C1", x=x, data=data, bias=bias)
    expect_rank(operator, "x", x, 1, why="its last axis is summed", clause="BSL-C1")
    expect_block_sparse(operator, data, indices, indptr, x.shape[-1], layout="BSL-C2", structure="BSL-C3")
