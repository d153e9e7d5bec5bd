"""``quantized_linear``: product of codes and a transposed weight of codes, scaled back to real numbers."""

from __future__ import annotations

from distilspec.fast.operators.products import code_product
from distilspec.reference.contract.operands.quantized_linear import expect_quantized_linear
from distilspec.reference.contract.types import CodeArray, Float32Array, Int8Array, RealArray


def quantized_linear(
    x: CodeArray,
    x_scale: Float32Array,
    x_zero_point: CodeArray,
    weight: Int8Array,
    weight_scale: Float32Array,
    bias: RealArray | None = None,
    y_scale: Float32Array | None = None,
    y_zero_point: CodeArray | None = None,
) -> Float32Array | CodeArray:
    """Return the operator ``quantized_linear``: exact sums, float32 within its bound, or codes of those floats."""
    expect_quantized_linear(x, x_scale, x_zero_point, weight, weight_scale, bias, y_scale, y_zero_point)
    return code_product(x, x_scale, x_zero_point, weight, weight_scale, bias, y_scale, y_zero_point)
