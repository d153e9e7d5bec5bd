"""
Reverse rules of quantised operators, straight through the rounding.

A code moves by 1 / scale for each unit of the value that it stands for; saturation and the zero point's own rounding
are taken as flat. docs/derivations/decisions.md says what that leaves out.
"""

from __future__ import annotations

import numpy as np

from distilspec.conformance.adjoints.dense import rows
from distilspec.conformance.adjoints.rule import Applied, Pullback, summed_to
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, Float64Array
from distilspec.reference.ops import unpack_block_sparse as dense_form


def quantize(step: Applied) -> Pullback:
    """D codes / d x = 1 / scale."""
    x, scale = step.operands[:2]
    return {0: lambda: step.cotangent / _along(scale, x.ndim, step.attributes.get("axis"))}


def dynamic_quantize(step: Applied) -> Pullback:
    """D codes / d x = 1 / scale, d codes / d scale = -x / scale^2; the scale follows both ends of the range."""
    x = step.operands[0]
    codes, scale = step.cotangents[:2]
    width = real(step.results[1])

    def gradient() -> Float64Array:
        total = codes / width
        follows = (float(scale) - np.sum(total * real(x)) / float(width)) / 255
        if x.size and x.max() > 0:
            total.flat[np.argmax(x)] += follows
        if x.size and x.min() < 0:
            total.flat[np.argmin(x)] -= follows
        return total

    return {0: gradient}


def dynamic_quantize_token(step: Applied) -> Pullback:
    """As ``dynamic_quantize``; each row's scale follows its largest magnitude."""
    x = step.operands[0]
    codes, scale = step.cotangents[:2]
    width = real(step.results[1])

    def gradient() -> Float64Array:
        total = codes / width
        if x.shape[-1]:
            follows = (scale - (total * real(x)).sum(axis=-1, keepdims=True) / width) / 127
            place = np.abs(x).argmax(axis=-1)[..., np.newaxis]
            largest = np.take_along_axis(total, place, axis=-1)
            signs = np.sign(np.take_along_axis(real(x), place, axis=-1))
            np.put_along_axis(total, place, largest + signs * follows, axis=-1)
        return total

    return {0: gradient}


def dequantize(step: Applied) -> Pullback:
    """Y = scale (codes - zero_point)."""
    codes, scale = step.operands[:2]
    axis = step.attributes.get("axis")
    zero_point = step.operands[2] if len(step.operands) > 2 else None
    centred = real(codes) if zero_point is None else real(codes) - real(_along(zero_point, codes.ndim, axis))
    spread = _along(scale, codes.ndim, axis)
    return {
        0: lambda: step.cotangent * real(spread),
        1: lambda: summed_to(step.cotangent * centred, spread.shape).reshape(scale.shape),
    }


def matmul_integer(step: Applied) -> Pullback:
    """Y = (a - a_zero_point) (b - b_zero_point)."""
    a, b, *zero_points = step.operands
    a_zero_point, b_zero_point = ([*zero_points, None, None])[:2]
    g = step.cotangent
    centred_a = real(a) - (0 if a_zero_point is None else real(a_zero_point))
    centred_b = real(b) - (0 if b_zero_point is None else real(b_zero_point))
    return {
        0: lambda: summed_to(g @ centred_b.swapaxes(-1, -2), a.shape),
        1: lambda: summed_to(centred_a.swapaxes(-1, -2) @ g, b.shape),
    }


def quantized_linear(step: Applied) -> Pullback:
    """Y = (x - x_zero_point) W^T x_scale weight_scale + bias."""
    x, x_scale, x_zero_point, weight, weight_scale = step.operands[:5]
    rest = dict(enumerate(step.operands[5:], start=5))
    g = step.cotangent if rest.get(6) is None else step.cotangent / real(rest[6])
    return _epilogue(g, x, x_scale, x_zero_point, real(weight), weight_scale, bias_position=5)


def quantized_block_sparse_linear(step: Applied) -> Pullback:
    """As ``quantized_linear``, with the weight in block-sparse form."""
    x, x_scale, x_zero_point, data, indices, indptr, weight_scale = step.operands[:7]
    weight = real(dense_form(data, indices, indptr, in_features=x.shape[-1]))
    return _epilogue(step.cotangent, x, x_scale, x_zero_point, weight, weight_scale, bias_position=7)


def _epilogue(
    g: Float64Array,
    x: Array,
    x_scale: Array,
    x_zero_point: Array,
    weight: Float64Array,
    weight_scale: Array,
    *,
    bias_position: int,
) -> Pullback:
    per_accumulator = g * real(weight_scale)
    return {
        0: lambda: (per_accumulator @ weight) * real(x_scale),
        1: lambda: summed_to(per_accumulator * ((real(x) - real(x_zero_point)) @ weight.T), x_scale.shape),
        bias_position: lambda: rows(g).sum(axis=0),
    }


def _along(parameter: Array, ndim: int, axis: int | None) -> Array:
    if axis is None or parameter.ndim == 0:
        return parameter
    return parameter.reshape([-1 if position == axis % ndim else 1 for position in range(ndim)])
