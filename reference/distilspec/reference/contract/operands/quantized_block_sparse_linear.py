"""What ``quantized_block_sparse_linear`` accepts."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect_block_sparse, expect_dtype, expect_rank
from distilspec.reference.contract.types import Array


def expect_quantized_block_sparse_linear(x: Array, data: Array, indices: Array, indptr: Array) -> None:
    """Raise unless QBSL-C1 to QBSL-C3 hold; QBSL-C4 is what ``quantized_linear`` accepts, of the unpacked weight."""
    operator = "quantized_block_sparse_linear"
    expect_dtype(operator, "x", x, ("uint8", "int8"), why="codes have 8 bits", clause="QBSL-C1")
    expect_rank(operator, "x", x, 1, why="its last axis is summed", clause="QBSL-C1")
    expect_dtype(operator, "data", data, ("int8",), why="its zero point is 0", clause="QBSL-C1")
    expect_block_sparse(operator, data, indices, indptr, x.shape[-1], layout="QBSL-C2", structure="QBSL-C3")
