"""``matmul_integer``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.contract.types import CodeArray, Int32Array


def matmul_integer(
    a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
) -> Int32Array:
    """To be specified."""
    wide_a, wide_b = a.astype(np.int64), b.astype(np.int64)
    if a_zero_point is not None:
        wide_a = wide_a - a_zero_point
    if b_zero_point is not None:
        wide_b = wide_b - b_zero_point
    return (wide_a @ wide_b).astype(np.int32)
