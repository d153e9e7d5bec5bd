"""``dequantize``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.arith import real
from distilspec.reference.contract.types import CodeArray, Float32Array, Float64Array


def dequantize(
    codes: CodeArray, scale: Float32Array, zero_point: CodeArray | None = None, *, axis: int | None = None
) -> Float64Array:
    """To be specified."""
    shape = (1,) * codes.ndim if axis is None else tuple(-1 if i == axis % codes.ndim else 1 for i in range(codes.ndim))
    s, z = (scale, 0 if zero_point is None else zero_point)
    if axis is not None:
        s = scale.reshape(shape)
        z = 0 if zero_point is None else zero_point.astype(np.int64).reshape(shape)
    return real(s) * (codes.astype(np.int64) - np.asarray(z, np.int64))
