"""``l2_normalize``: vectors of length one."""

from __future__ import annotations

import math

import numpy as np

from distilspec.fast.kernels.l2_normalize import l2_normalize as l2_normalize_kernel
from distilspec.fast.operators.call import call
from distilspec.fast.operators.tiling import rounded, rows_of, tiled, untiled
from distilspec.reference.contract.checks import expect, expect_axis, expect_float
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import Float32Array, RealArray


def l2_normalize(x: RealArray, *, axis: int = -1, epsilon: float = 1e-12) -> Float32Array:
    """Return the operator ``l2_normalize`` of operands that are rounded to float32, within its bound."""
    expect_float("l2_normalize", "L2N-C1", x=x)
    expect_axis("l2_normalize", "x", x, axis, clause="L2N-C2")
    expect(
        math.isfinite(epsilon) and epsilon > 0,
        RangeError,
        "l2_normalize",
        seen=f"epsilon is {epsilon}",
        expected="a finite positive number",
        why="a zero vector is divided by it",
        clause="L2N-C3",
    )
    if not x.size:
        return np.zeros(x.shape, np.float32)
    vectors = np.moveaxis(x, axis, -1)
    rows = rows_of(rounded(vectors))
    tiles = tiled(rows[np.newaxis])
    out = np.empty_like(tiles)
    call(l2_normalize_kernel, units=len(tiles), x=tiles, out=out, features=rows.shape[1], epsilon=epsilon)
    y = untiled(out, 1, len(rows)).reshape(vectors.shape)
    return np.ascontiguousarray(np.moveaxis(y, -1, axis))
