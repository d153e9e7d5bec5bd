"""``quantize``: real numbers to 8-bit codes."""

from __future__ import annotations

import numpy as np

from distilspec.fast.operators.tiling import by_token, held_zero_point, quantized_tiles, rounded, rows_of, tiled
from distilspec.reference.contract.operands.quantize import expect_quantize
from distilspec.reference.contract.types import Array, CodeArray, Float32Array, RealArray


def quantize(x: RealArray, scale: Float32Array, zero_point: CodeArray, *, axis: int | None = None) -> CodeArray:
    """
    Return the operator ``quantize``, exact.

    The kernel has a scale for every row; where a scale changes along the last axis, every element is a row.
    """
    expect_quantize(x, scale, zero_point, axis)
    if axis is not None:
        shape = [-1 if at == axis % x.ndim else 1 for at in range(x.ndim)]
        scale, zero_point = scale.reshape(shape), zero_point.reshape(shape)
    by_row = x.ndim > 0 and all(part.ndim == 0 or part.shape[-1] == 1 for part in (scale, zero_point))
    values = rows_of(rounded(x if by_row else x.reshape(-1, 1)))
    wanted = (*x.shape[:-1], 1) if by_row else x.shape

    def parts(of: Array) -> Array:
        return np.broadcast_to(of, wanted).reshape(-1, 1)

    count = len(values)
    scales, zero_points = by_token(parts(scale), count, np.float32), held_zero_point(parts(zero_point), count)
    codes = quantized_tiles(tiled(values[np.newaxis]), count, scales, zero_points, zero_point.dtype)
    return codes.reshape(-1)[: x.size].reshape(x.shape)
