"""What becomes of a program's constants before it runs, and of the same operands of single operators."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def dequantized(codes: Array, scale: Array, zero_point: Array | None, axis: int | None) -> Array:
    """Return the real numbers of codes, float32; with an axis each of its indices has a scale and a zero point."""
    others = [] if axis is None else [other for other in range(codes.ndim) if other != axis % codes.ndim]
    numbers = codes.astype(np.int64) - (0 if zero_point is None else np.expand_dims(zero_point, others))
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(numbers.astype(np.float64) * np.expand_dims(scale, others), np.float32)


def unpacked(data: Array, indices: Array, indptr: Array, columns: int) -> Array:
    """Return a block-sparse weight [out features, columns]: blocks [count, out, in], their columns and row starts."""
    _, height, width = data.shape
    block_rows = len(indptr) - 1
    weight = np.zeros((block_rows, height, columns // width, width), data.dtype)
    weight[np.repeat(np.arange(block_rows), np.diff(indptr)), :, indices] = data
    return weight.reshape(block_rows * height, columns)
