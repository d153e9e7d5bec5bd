"""``linear``: product with a transposed weight, plus bias."""

from __future__ import annotations

from distilspec.fast.operators.products import float_product
from distilspec.reference.contract.checks import expect_float, expect_rank, expect_shape
from distilspec.reference.contract.types import Float32Array, RealArray


def linear(x: RealArray, weight: RealArray, bias: RealArray | None = None) -> Float32Array:
    """Return the operator ``linear`` of operands that are rounded to float32, within its bound; x has an axis."""
    expect_float("linear", "LIN-C3", x=x, weight=weight, bias=bias)
    expect_rank("linear", "x", x, 1, why="its last axis is summed", clause="LIN-C1")
    expect_shape("linear", "weight", weight, (None, x.shape[-1]), why=f"x has shape {x.shape}", clause="LIN-C1")
    if bias is not None:
        expect_shape("linear", "bias", bias, weight.shape[:1], why=f"weight has shape {weight.shape}", clause="LIN-C2")
    return float_product(x, weight, bias)
