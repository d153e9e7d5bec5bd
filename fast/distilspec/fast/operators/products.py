"""Matrix products of rows by the weights of a Linear, packed and multiplied as in a plan."""

from __future__ import annotations

import numpy as np

from distilspec.fast.backends.fusion import layout_of
from distilspec.fast.backends.reading import code_shift
from distilspec.fast.backends.weights import KERNELS, pack
from distilspec.fast.isa.host import host_target
from distilspec.fast.kernels.codes import Layout
from distilspec.fast.kernels.epilogue import Epilogue
from distilspec.fast.kernels.layout import tiled_factors, tiled_rows
from distilspec.fast.lower.fused import Linear
from distilspec.fast.operators.call import call
from distilspec.fast.operators.tiling import (
    by_token,
    codes_from,
    codes_memory,
    held_zero_point,
    rounded,
    rows_of,
    tiled,
    untiled,
)
from distilspec.reference.contract.types import Array, CodeArray, Float32Array, Int8Array, RealArray


def float_product(x: RealArray, weight: RealArray, bias: RealArray | None) -> Float32Array:
    """Return x [..., K] times the transposed weight [N, K], plus a bias."""
    rows = rows_of(rounded(x))
    if not len(weight):
        return np.empty((*x.shape[:-1], 0), np.float32)
    packed = pack(Linear("x", "y", rows_of(rounded(weight)), _bias(bias, len(weight))), host_target())
    tiles = tiled(rows[np.newaxis])
    out = np.empty((len(tiles), len(weight), host_target().tile), np.float32)
    operands = {**packed.operands, "x": tiles, "out": out, "tiles": len(tiles)}
    call(KERNELS[packed.kernel], host_target().dot, Epilogue(), units=packed.units, **operands)
    return untiled(out, 1, len(rows)).reshape(*x.shape[:-1], len(weight))


def code_product(
    x: Array,
    x_scale: Float32Array,
    x_zero_point: CodeArray,
    weight: Int8Array,
    weight_scale: Float32Array,
    bias: RealArray | None,
    y_scale: Float32Array | None = None,
    y_zero_point: CodeArray | None = None,
    *,
    block_shape: tuple[int, int] | None = None,
) -> Array:
    """
    Return codes [..., K] times the transposed weight [N, K], scaled, plus a bias; codes where ``y_scale`` is given.

    Scale and zero point of ``x`` are scalars, or one a row as [..., 1].
    """
    target = host_target()
    rows, leading = rows_of(x), (*x.shape[:-1], 1)
    count, features = len(rows), len(weight)
    result = np.float32 if y_zero_point is None else y_zero_point.dtype
    if not features:
        return np.empty((*x.shape[:-1], 0), result)
    largest = int(np.abs(weight.astype(np.int16)).max(initial=0))
    step = Linear("x", "y", rows_of(weight), _bias(bias, features), weight_scale, block_shape, largest)
    packed = pack(step, target)
    held = rows.astype(np.int32) + code_shift(target, signed=x.dtype == np.int8)
    codes = (tiled_rows if layout_of(step, target) is Layout.ROWS else tiled_factors)(held, target)
    operands: dict[str, Array | int | float] = {
        **packed.operands, "codes": codes, "tiles": len(codes),
        "x_scale": by_token(np.broadcast_to(x_scale, leading).reshape(-1, 1), count, np.float32),
        "zero_point": held_zero_point(np.broadcast_to(x_zero_point, leading).reshape(-1, 1), count),
    }  # fmt: skip
    if y_scale is None or y_zero_point is None:
        out = np.empty((len(codes), features, target.tile), np.float32)
        call(KERNELS[packed.kernel], target.dot, Epilogue(), units=packed.units, out=out, **operands)
        return untiled(out, 1, count).reshape(*x.shape[:-1], features)
    layout = Layout.FACTORS
    made = codes_memory(layout, len(codes), features)
    operands |= {
        "out_codes": made, "out_scale": float(y_scale),
        "out_zero_point": int(y_zero_point) + code_shift(target, signed=y_zero_point.dtype == np.int8),
    }  # fmt: skip
    call(KERNELS[packed.kernel], target.dot, Epilogue(codes=layout), units=packed.units, **operands)
    return codes_from(made, layout, count, features, y_zero_point.dtype).reshape(*x.shape[:-1], features)


def _bias(bias: RealArray | None, features: int) -> Float32Array:
    return np.zeros(features, np.float32) if bias is None else rounded(bias)
