"""``dequantize``: codes to the real numbers that they stand for."""

from __future__ import annotations

from distilspec.fast.lower.constants import dequantized
from distilspec.reference.contract.operands.dequantize import expect_dequantize
from distilspec.reference.contract.types import CodeArray, Float32Array, Int32Array


def dequantize(
    codes: CodeArray | Int32Array,
    scale: Float32Array,
    zero_point: CodeArray | Int32Array | None = None,
    *,
    axis: int | None = None,
) -> Float32Array:
    """Return the operator ``dequantize`` as plans have it: before the program runs, by NumPy, rounded to float32."""
    expect_dequantize(codes, scale, zero_point, axis)
    return dequantized(codes, scale, zero_point, axis)
