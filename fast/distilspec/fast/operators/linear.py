"""``linear``: product with a transposed weight, plus bias."""

from __future__ import annotations

from distilspec.fast.operators.products import float_product
from distilspec.reference.contract.operands.linear import expect_linear
from distilspec.reference.contract.types import Float32Array, RealArray


def linear(x: RealArray, weight: RealArray, bias: RealArray | None = None) -> Float32Array:
    """Return the operator ``linear`` of operands that are rounded to float32, within its bound; x has an axis."""
    expect_linear(x, weight, bias)
    return float_product(x, weight, bias)
