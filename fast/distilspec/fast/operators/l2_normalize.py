"""``l2_normalize``: vectors of length one."""

from __future__ import annotations

import numpy as np

from distilspec.fast.kernels.l2_normalize import l2_normalize as l2_normalize_kernel
from distilspec.fast.operators.call import call
from distilspec.fast.operators.tiling import rounded, rows_of, tiled, untiled
from distilspec.reference.contract.operands.l2_normalize import expect_l2_normalize
from distilspec.reference.contract.types import Float32Array, RealArray


def l2_normalize(x: RealArray, *, axis: int = -1, epsilon: float = 1e-12) -> Float32Array:
    """Return the operator ``l2_normalize`` of operands that are rounded to float32, within its bound."""
    expect_l2_normalize(x, axis, epsilon)
    if not x.size:
        return np.zeros(x.shape, np.float32)
    vectors = np.moveaxis(x, axis, -1)
    rows = rows_of(rounded(vectors))
    tiles = tiled(rows[np.newaxis])
    out = np.empty_like(tiles)
    call(l2_normalize_kernel, units=len(tiles), x=tiles, out=out, features=rows.shape[1], epsilon=epsilon)
    y = untiled(out, 1, len(rows)).reshape(vectors.shape)
    return np.ascontiguousarray(np.moveaxis(y, -1, axis))
