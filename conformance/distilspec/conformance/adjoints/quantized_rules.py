"""
Quantised operators, pulled back by the straight-through rule: a code moves as x / scale + zero_point does.

Rounding and saturation are left out, because the code of an element near a tie moves by a whole step and that of most
others not at all; on average a code moves as far as the rule says. Sensitivities of codes are per code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from distilspec.conformance.adjoints.float_rules import blocks_of
from distilspec.conformance.adjoints.rule import Pull, Rule, rows, summed_to
from distilspec.reference import ops
from distilspec.reference.arith import along_axis, real
from distilspec.reference.contract.types import Array, Float64Array


def _quantize(
    cotangents: Any, _: Any, x: Array, scale: Array, zero_point: Array, *, axis: int | None = None
) -> tuple[Pull, ...]:
    (g,) = cotangents
    factor = real(scale if axis is None else along_axis(scale, axis, x.ndim))
    return (
        lambda: g / factor,
        lambda: summed_to(-g * real(x) / factor**2, factor.shape).reshape(scale.shape),
        lambda: summed_to(g, factor.shape).reshape(scale.shape),
    )


def _dynamic_quantize(cotangents: Any, results: Any, x: Array) -> tuple[Pull, ...]:
    return (lambda: cotangents[0] / real(results[1]),)


def _dequantize(
    cotangents: Any, _: Any, codes: Array, scale: Array, zero_point: Array | None = None, *, axis: int | None = None
) -> tuple[Pull, ...]:
    (g,) = cotangents
    zero = np.zeros(scale.shape) if zero_point is None else real(zero_point)
    factor = real(scale)
    if axis is not None:
        factor, zero = along_axis(factor, axis, codes.ndim), along_axis(zero, axis, codes.ndim)
    return (
        lambda: g * factor,
        lambda: summed_to(g * (real(codes) - zero), factor.shape).reshape(scale.shape),
        lambda: summed_to(-g * factor, zero.shape).reshape(np.shape(zero_point)),
    )


def _matmul_integer(
    cotangents: Any, _: Any, a: Array, b: Array, a_zero: Array | None = None, b_zero: Array | None = None
) -> tuple[Pull, ...]:
    (g,) = cotangents
    left = real(a) - (0 if a_zero is None else real(a_zero))
    right = real(b) - (0 if b_zero is None else real(b_zero))

    def pull_a() -> Float64Array:
        return summed_to(g @ right.swapaxes(-1, -2), a.shape)

    def pull_b() -> Float64Array:
        return summed_to(left.swapaxes(-1, -2) @ g, b.shape)

    return (
        pull_a,
        pull_b,
        lambda: summed_to(-pull_a(), np.shape(a_zero)),
        lambda: summed_to(-pull_b(), np.shape(b_zero)),
    )


def _quantized_linear(
    cotangents: Any,
    results: Any,
    x: Array,
    x_scale: Array,
    x_zero_point: Array,
    weight: Array,
    weight_scale: Array,
    bias: Array | None = None,
    y_scale: Array | None = None,
    y_zero_point: Array | None = None,
) -> tuple[Pull, ...]:
    (g,) = cotangents
    if y_scale is not None:
        g = g / real(y_scale)
    codes, factor = real(x) - real(x_zero_point), real(x_scale)
    accumulator = codes @ real(weight).T
    weighted = g * real(weight_scale)

    def pull_x() -> Float64Array:
        return np.asarray(factor * (weighted @ real(weight)))

    def pull_y_scale() -> Float64Array:
        return np.asarray(-np.sum(g * (real(results[0]) - real(np.asarray(y_zero_point)))))

    return (
        pull_x,
        lambda: summed_to((weighted * accumulator).sum(axis=-1, keepdims=True), x_scale.shape),
        lambda: np.asarray(-pull_x().sum()),
        lambda: rows(weighted).T @ rows(codes * factor),
        lambda: rows(g * accumulator * factor).sum(axis=0),
        lambda: rows(g).sum(axis=0),
        pull_y_scale,
        lambda: np.asarray(cotangents[0].sum()),
    )


def _quantized_block_sparse_linear(
    cotangents: Any,
    results: Any,
    x: Array,
    x_scale: Array,
    x_zero_point: Array,
    data: Array,
    indices: Array,
    indptr: Array,
    weight_scale: Array,
    bias: Array | None = None,
) -> tuple[Pull, ...]:
    weight = ops.unpack_block_sparse(data, indices, indptr, in_features=x.shape[-1])
    pulls = _quantized_linear(cotangents, results, x, x_scale, x_zero_point, weight, weight_scale, bias)
    pull_x, pull_x_scale, pull_zero, pull_weight, pull_weight_scale, pull_bias, *_ = pulls

    def pull_data() -> Float64Array:
        dense = pull_weight() if pull_weight else np.zeros(weight.shape)
        return blocks_of(dense, data, indices, indptr)

    return pull_x, pull_x_scale, pull_zero, pull_data, None, None, pull_weight_scale, pull_bias


QUANTIZED_RULES: Mapping[str, Rule] = {
    "dequantize": _dequantize,
    "dynamic_quantize": _dynamic_quantize,
    "dynamic_quantize_token": _dynamic_quantize,
    "matmul_integer": _matmul_integer,
    "quantize": _quantize,
    "quantized_block_sparse_linear": _quantized_block_sparse_linear,
    "quantized_linear": _quantized_linear,
}
