"""Bound of ``quantized_block_sparse_linear``: docs/derivations/quantized_linear.md."""

from __future__ import annotations

from distilspec.conformance.bounds.block_sparse_linear import unpacked
from distilspec.conformance.bounds.bounded import Bounded, Operand, lift
from distilspec.conformance.bounds.quantized_linear import quantized_linear


def quantized_block_sparse_linear(
    x: Operand,
    x_scale: Operand,
    x_zero_point: Operand,
    data: Operand,
    indices: Operand,
    indptr: Operand,
    weight_scale: Operand,
    bias: Operand | None = None,
) -> Bounded:
    """Bound the product with the dense weight, which gives the same integers."""
    weight = unpacked(lift(data), indices, indptr, lift(x).shape[-1])
    return quantized_linear(x, x_scale, x_zero_point, weight, weight_scale, bias)
