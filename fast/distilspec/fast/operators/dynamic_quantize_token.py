"""``dynamic_quantize_token``: codes with one scale for each token, taken from its own values."""

from __future__ import annotations

import numpy as np

from distilspec.fast.kernels.token_range import token_range
from distilspec.fast.operators.call import call
from distilspec.fast.operators.dynamic_quantize import DynamicQuantized
from distilspec.fast.operators.tiling import by_token, quantized_tiles, rounded, rows_of, tiled
from distilspec.reference.contract.checks import expect_finite, expect_float, expect_rank
from distilspec.reference.contract.types import RealArray


def dynamic_quantize_token(x: RealArray) -> DynamicQuantized:
    """Return the operator ``dynamic_quantize_token``, exact."""
    expect_float("dynamic_quantize_token", "DYNT-C1", x=x)
    expect_rank("dynamic_quantize_token", "x", x, 1, why="its last axis holds a token", clause="DYNT-C2")
    x32 = rounded(x)
    expect_finite("dynamic_quantize_token", "x", x32, why="a largest magnitude is a number", clause="DYNT-C3")
    rows = rows_of(x32)
    tiles = tiled(rows[np.newaxis])
    scale, zero_point = by_token(np.float32(1), len(rows), np.float32), by_token(np.int32(0), len(rows), np.int32)
    call(token_range, units=len(tiles), x=tiles, x_scale=scale, zero_point=zero_point, features=rows.shape[1])
    codes = quantized_tiles(tiles, len(rows), scale, zero_point, np.dtype(np.int8))[:, : x.shape[-1]]
    scales = scale[: len(rows)].reshape(*x.shape[:-1], 1)
    return DynamicQuantized(codes.reshape(x.shape), scales, np.zeros((), np.int8))
