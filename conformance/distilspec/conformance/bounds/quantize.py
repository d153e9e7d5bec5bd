"""Allowed set of ``quantize``: docs/derivations/quantize.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, BoundedCodes, Operand, lift, read
from distilspec.conformance.bounds.model import DIVISION
from distilspec.reference import ops as reference
from distilspec.reference.arith import along_axis, real, round_half_even, round_to_float32
from distilspec.reference.contract.types import Float64Array


def quantize(x: Operand, scale: Operand, zero_point: Operand, *, axis: int | None = None) -> BoundedCodes:
    """
    Return the codes, with how far the codes that ``rounded_quotient`` allows lie from them.

    The zero point is added to both ends, and both are saturated. The distance between code and zero point is kept too:
    an uncertain zero point moves both by the same step.
    """
    x, scale, zero_point = read(x), read(scale), lift(zero_point)
    value = reference.quantize(x.value, scale.value, zero_point.value, axis=axis)
    zero, zero_error = real(zero_point.value), zero_point.error
    if axis is not None:
        scale = Bounded(along_axis(scale.value, axis, value.ndim), along_axis(scale.error, axis, value.ndim))
        zero, zero_error = along_axis(zero, axis, value.ndim), along_axis(zero_error, axis, value.ndim)
    lowest, highest = rounded_quotient(x, scale)
    least, most = float(np.iinfo(value.dtype).min), float(np.iinfo(value.dtype).max)
    code, low_zero, high_zero = real(value), zero - zero_error, zero + zero_error
    error = _farthest(code, np.clip(lowest + low_zero, least, most), np.clip(highest + high_zero, least, most))
    centred_low = np.clip(lowest, least - high_zero, most - high_zero)
    centred_high = np.clip(highest, least - low_zero, most - low_zero)
    return BoundedCodes(value, error, _farthest(code - zero, centred_low, centred_high), zero_point)


@np.errstate(all="ignore")
def rounded_quotient(x: Bounded, scale: Bounded) -> tuple[Float64Array, Float64Array]:
    """
    Return the smallest and the largest integer to which x / scale may round.

    The quotient may be off by 2 ulp, as that of a product with a rounded reciprocal is, and x and scale by their
    errors. An exact tie between an exact x and an exact scale is no freedom: it goes to the even integer.
    """
    held = real(round_to_float32(x.value))
    at = np.where(x.error == 0, held, real(x.value))
    error = np.where(x.error == 0, 0.0, np.maximum(x.error, np.abs(held - real(x.value))))
    divisor = real(scale.value)
    narrow, wide = divisor - scale.error, divisor + scale.error
    low, high = at - error, at + error
    low_quotient, high_quotient = low / np.where(low < 0, narrow, wide), high / np.where(high > 0, narrow, wide)
    lowest = round_half_even(low_quotient * (1 - DIVISION * np.sign(low_quotient)))
    highest = round_half_even(high_quotient * (1 + DIVISION * np.sign(high_quotient)))
    unknown = (narrow <= 0) | np.isnan(lowest) | np.isnan(highest)
    lowest, highest = np.where(unknown, -np.inf, lowest), np.where(unknown, np.inf, highest)
    halves = round_half_even(2 * at / divisor)
    tie = (error + scale.error == 0) & (halves * divisor == 2 * at) & (halves % 2 == 1)
    return np.where(tie, round_half_even(halves / 2), lowest), np.where(tie, round_half_even(halves / 2), highest)


def _farthest(value: Float64Array, lowest: Float64Array, highest: Float64Array) -> Float64Array:
    return np.maximum(np.maximum(highest - value, value - lowest), 0.0)
