"""What ``scaled_dot_product_attention`` accepts."""

from __future__ import annotations

import math

from distilspec.reference.contract.checks import (
    expect,
    expect_broadcast,
    expect_dtype,
    expect_float,
    expect_rank,
    expect_shape,
)
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import Array


def expect_scaled_dot_product_attention(
    query: Array, key: Array, value: Array, mask: Array | None, scale: float
) -> None:
    """Raise unless SDPA-C1 to SDPA-C7 hold."""
    operator = "scaled_dot_product_attention"
    expect_float(operator, "SDPA-C1", query=query, key=key, value=value)
    expect_rank(operator, "query", query, 2, why="its last two axes are queries and head_dim", clause="SDPA-C2")
    *leading, queries, head_dim = query.shape
    why = f"query has shape {query.shape}"
    expect_shape(operator, "key", key, (*leading, None, head_dim), why=why, clause="SDPA-C3")
    keys = key.shape[-2]
    expect_shape(operator, "value", value, (*leading, keys, None), why=f"key has shape {key.shape}", clause="SDPA-C4")
    if mask is not None:
        expect_dtype(operator, "mask", mask, ("bool",), why="True keeps a key for a query", clause="SDPA-C5")
        expect_broadcast(operator, "mask", mask, (*leading, queries, keys), clause="SDPA-C6")
    expect(
        math.isfinite(scale),
        RangeError,
        operator,
        seen=f"scale is {scale}",
        expected="a finite number",
        why="scores are multiplied by it",
        clause="SDPA-C7",
    )
