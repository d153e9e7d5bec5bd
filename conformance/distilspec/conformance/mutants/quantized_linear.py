"""Wrong ways to carry out ``quantized_linear``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, CodeArray, Float32Array, Int8Array, RealArray
from distilspec.reference.ops.quantize import quantize


def _finish(
    accumulator: Array,
    x_scale: Float32Array,
    weight_scale: Float32Array,
    bias: RealArray | None,
    y_scale: Float32Array | None,
    y_zero_point: CodeArray | None,
) -> Array:
    y = accumulator * real(x_scale) * real(weight_scale)
    if bias is not None:
        y = y + real(bias)
    return y if y_scale is None or y_zero_point is None else quantize(y, y_scale, y_zero_point)


def pair_sums(x: CodeArray, weight: Int8Array) -> Array:
    """Return the accumulators of a kernel that adds neighbouring products in saturating 16-bit integers first."""
    wide_x, wide_weight = x.astype(np.int64), weight.astype(np.int64)
    accumulator = np.zeros((*x.shape[:-1], weight.shape[0]), np.int64)
    for start in range(0, x.shape[-1], 2):
        pair = slice(start, start + 2)
        accumulator += np.clip(wide_x[..., pair] @ wide_weight[:, pair].T, -(2**15), 2**15 - 1)
    return accumulator


def _saturating_pairs(
    x: CodeArray,
    x_scale: Float32Array,
    x_zero_point: CodeArray,
    weight: Int8Array,
    weight_scale: Float32Array,
    bias: RealArray | None = None,
    y_scale: Float32Array | None = None,
    y_zero_point: CodeArray | None = None,
) -> Array:
    correction = np.asarray(x_zero_point, np.int64) * weight.astype(np.int64).sum(axis=1)
    accumulator = pair_sums(x, weight) - correction
    return _finish(accumulator, x_scale, weight_scale, bias, y_scale, y_zero_point)


MUTANTS = (
    Mutant(
        "pairs of products saturate in 16 bits",
        "quantized_linear",
        ("QL-S1",),
        _saturating_pairs,
        seen_in="vpmaddubsw on CPUs without VNNI: ONNX Runtime on AVX2",
    ),
)
