"""``quantized_linear``."""

from __future__ import annotations

from distilspec.reference.arith import real
from distilspec.reference.contract.types import CodeArray, Float32Array, Float64Array, Int8Array, RealArray
from distilspec.reference.ops.matmul_integer import matmul_integer
from distilspec.reference.ops.quantize import quantize


def quantized_linear(
    x: CodeArray,
    x_scale: Float32Array,
    x_zero_point: CodeArray,
    weight: Int8Array,
    weight_scale: Float32Array,
    bias: RealArray | None = None,
    y_scale: Float32Array | None = None,
    y_zero_point: CodeArray | None = None,
) -> Float64Array | CodeArray:
    """To be specified."""
    accumulator = matmul_integer(x, weight.T, x_zero_point)
    y = accumulator * real(x_scale) * real(weight_scale)
    if bias is not None:
        y = y + real(bias)
    return y if y_scale is None or y_zero_point is None else quantize(y, y_scale, y_zero_point)
