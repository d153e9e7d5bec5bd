"""Bound of ``quantized_linear``: docs/derivations/quantized_linear.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift, read, result
from distilspec.conformance.bounds.matmul import moved_product
from distilspec.conformance.bounds.matmul_integer import centred
from distilspec.conformance.bounds.model import UNIT, gamma, rounding
from distilspec.conformance.bounds.quantize import quantize
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


@np.errstate(all="ignore")
def quantized_linear(
    x: Operand,
    x_scale: Operand,
    x_zero_point: Operand,
    weight: Operand,
    weight_scale: Operand,
    bias: Operand | None = None,
    y_scale: Operand | None = None,
    y_zero_point: Operand | None = None,
) -> Bounded:
    """
    Bound the float32 epilogue of an exact integer product, and quantise the result again where a range is given.

    acc * x_scale * weight_scale has three roundings in any order: the conversion of acc, the product of the scales, the
    product with them. The bias adds one. Codes and scales that are uncertain move acc and the factors.
    """
    x, x_scale, zero, weight, weight_scale = (
        lift(x),
        read(x_scale),
        lift(x_zero_point),
        lift(weight),
        read(weight_scale),
    )
    codes = centred(x, zero)
    moved_sum, _ = moved_product(codes, Bounded(real(weight.value).T, weight.error.T))
    accumulator = np.abs(codes.value @ real(weight.value).T)
    factor_x, factor_w = real(x_scale.value), real(weight_scale.value)
    factor = (factor_x + x_scale.error) * (factor_w + weight_scale.error)
    size = (accumulator + moved_sum) * factor
    moved = moved_sum * factor + accumulator * (factor - factor_x * factor_w)
    flushes = accumulator + moved_sum + factor_x + factor_w + 2
    error = np.where(x_scale.error + weight_scale.error > 0, moved, moved_sum * factor) + rounding(
        size, gamma(3), flushes
    )
    operands = [x_scale, weight_scale]
    if bias is not None:
        bias = read(bias)
        operands.append(bias)
        size = size + np.abs(real(bias.value)) + bias.error
        error = error + bias.error + rounding(size, UNIT)
    arguments = (x.value, x_scale.value, zero.value, weight.value, weight_scale.value)
    value = reference.quantized_linear(*arguments, None if bias is None else bias.value)
    peak = np.maximum(size * (1 + gamma(4)), (accumulator + moved_sum) * np.maximum(factor_x, factor_w))
    y = result(value, error, peak, *operands)
    return y if y_scale is None or y_zero_point is None else quantize(y, y_scale, y_zero_point)
