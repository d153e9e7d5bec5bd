"""``dynamic_quantize``: codes with one scale and zero point for the tensor, taken from its own values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from distilspec.fast.backends.reading import code_shift
from distilspec.fast.backends.space import spaced
from distilspec.fast.isa.host import host_target
from distilspec.fast.kernels.tensor_range import tensor_range, tensor_scale
from distilspec.fast.operators.call import call
from distilspec.fast.operators.tiling import by_token, quantized_tiles, rounded, rows_of, tiled
from distilspec.reference.contract.checks import expect_finite, expect_float
from distilspec.reference.contract.types import CodeArray, Float32Array, RealArray


class DynamicQuantized(NamedTuple):
    """Codes, and the scale and zero point that were derived from the data."""

    codes: CodeArray
    scale: Float32Array
    zero_point: CodeArray


def dynamic_quantize(x: RealArray) -> DynamicQuantized:
    """Return the operator ``dynamic_quantize``, exact; a tensor without elements is quantised as one zero."""
    expect_float("dynamic_quantize", "DYN-C1", x=x)
    x32 = rounded(x)
    expect_finite("dynamic_quantize", "x", x32, why="a range ends in numbers", clause="DYN-C2")
    rows = rows_of(np.atleast_1d(x32)) if x.size else np.zeros((1, 1), np.float32)
    tiles, target = tiled(rows[np.newaxis]), host_target()
    count = len(tiles)
    low, high = np.empty((2, count), np.float32)
    scale, zero_point = by_token(np.float32(1), len(rows), np.float32), by_token(np.int32(0), len(rows), np.int32)
    tokens = spaced(1, len(rows), target.tile).count
    call(tensor_range, units=count, x=tiles, count=tokens, low=low, high=high, features=rows.shape[1])
    with np.errstate(over="ignore"):
        distance = high.max() - low.min()
    expect_finite("asymmetric_scale", "maximum - minimum", distance, why="codes divide it", clause="ASYM-C3")
    call(tensor_scale, units=1, low=low, high=high, x_scale=scale, zero_point=zero_point, tiles=count)
    codes = quantized_tiles(tiles, len(rows), scale, zero_point, np.dtype(np.uint8))
    derived = np.asarray(zero_point[0] - code_shift(target, signed=False), np.uint8)
    return DynamicQuantized(codes.reshape(-1)[: x.size].reshape(x.shape), np.array(scale[0]), derived)
