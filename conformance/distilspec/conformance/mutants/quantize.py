"""Wrong ways to carry out ``quantize``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from distilspec.conformance.mutants.arithmetic import bfloat16, half_away, twelve_bits, wrap
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import along_axis, real, round_half_even, round_to_float32, saturate
from distilspec.reference.contract.types import Array, CodeArray, Float32Array, RealArray


def _float32_quotient(x: Array, scale: Array) -> Array:
    return np.asarray(round_to_float32(x) / scale)


def _rounded_then_added(quotient: Array, zero_point: Array) -> Array:
    return np.asarray(real(round_half_even(quotient)) + zero_point)


def quantize_by(
    divide: Callable[[Array, Array], Array] = _float32_quotient,
    shift: Callable[[Array, Array], Array] = _rounded_then_added,
    narrow: Callable[[Array, np.dtype[Any]], Array] = saturate,
) -> Callable[..., CodeArray]:
    """Return ``quantize`` with its quotient, its rounding around the zero point, or its cast done in another way."""

    def operator(x: RealArray, scale: Float32Array, zero_point: CodeArray, *, axis: int | None = None) -> CodeArray:
        if axis is not None:
            scale, zero_point = along_axis(scale, axis, x.ndim), along_axis(zero_point, axis, x.ndim)
        return narrow(shift(divide(x, scale), zero_point), zero_point.dtype)

    return operator


def rounded_away(quotient: Array, zero_point: Array) -> Array:
    """Round ties away from zero."""
    return np.asarray(real(half_away(quotient)) + zero_point)


def added_then_rounded(quotient: Array, zero_point: Array) -> Array:
    """Add the zero point before rounding."""
    return round_half_even(quotient + zero_point.astype(np.float32))


def cut_off(quotient: Array, zero_point: Array) -> Array:
    """Drop the fraction."""
    return np.asarray(real(np.trunc(quotient)) + zero_point)


def _rounded_up(quotient: Array, zero_point: Array) -> Array:
    return np.asarray(real(np.floor(quotient + np.float32(0.5))) + zero_point)


def _float64_quotient_of_x(x: Array, scale: Array) -> Array:
    return np.asarray(real(x) / real(scale))


def _float64_quotient(x: Array, scale: Array) -> Array:
    return np.asarray(real(round_to_float32(x)) / real(scale))


def _estimated_reciprocal(x: Array, scale: Array) -> Array:
    return np.asarray(round_to_float32(x) * np.float32(twelve_bits(1 / scale)))


def _bfloat16_scale(x: Array, scale: Array) -> Array:
    return np.asarray(round_to_float32(x) / bfloat16(scale))


def _reciprocal_flushed(x: Array, scale: Array) -> Array:
    reciprocal = np.float32(1) / scale
    tiny = np.finfo(np.float32).tiny
    return np.asarray(round_to_float32(x) * np.where(reciprocal < tiny, np.float32(0), reciprocal))


def _symmetric(x: Array, dtype: np.dtype[Any]) -> Array:
    codes = saturate(x, dtype)
    return np.maximum(codes, -127) if dtype == np.int8 else codes


def _cast_to_int32_first(x: Array, dtype: np.dtype[Any]) -> Array:
    return saturate(wrap(x, np.int32), dtype)


def _clipped_then_added(quotient: Array, zero_point: Array) -> Array:
    limits = np.iinfo(zero_point.dtype)
    return np.asarray(np.clip(real(round_half_even(quotient)), limits.min, limits.max) + zero_point)


def _nan_spoils_its_row(x: RealArray, scale: Float32Array, zero_point: CodeArray, *, axis: int | None = None) -> Array:
    codes = ops.quantize(x, scale, zero_point, axis=axis)
    spoilt = np.isnan(x).any(axis=-1, keepdims=True) if x.ndim else np.isnan(x)
    return np.where(spoilt, codes.dtype.type(0), codes)


def _first_scale_for_all(x: RealArray, scale: Float32Array, zero_point: CodeArray, *, axis: int | None = None) -> Array:
    if axis is not None:
        scale = np.full_like(scale, scale[0])
    return ops.quantize(x, scale, zero_point, axis=axis)


def _scale_shifted(x: RealArray, scale: Float32Array, zero_point: CodeArray, *, axis: int | None = None) -> Array:
    if axis is not None:
        scale, zero_point = np.roll(scale, 1), np.roll(zero_point, 1)
    return ops.quantize(x, scale, zero_point, axis=axis)


MUTANTS = (
    Mutant("x is not rounded to float32", "quantize", ("Q-S1",), quantize_by(divide=_float64_quotient_of_x)),
    Mutant("the quotient is formed in float64", "quantize", ("Q-S2",), quantize_by(divide=_float64_quotient)),
    Mutant(
        "the reciprocal of the scale is an estimate of 12 bits",
        "quantize",
        ("Q-S2",),
        quantize_by(divide=_estimated_reciprocal),
        seen_in="rcpps unrefined",
    ),
    Mutant("the scale is rounded to bfloat16", "quantize", ("Q-S2",), quantize_by(divide=_bfloat16_scale)),
    Mutant(
        "a denormal reciprocal of the scale becomes zero",
        "quantize",
        ("Q-S2",),
        quantize_by(divide=_reciprocal_flushed),
    ),
    Mutant(
        "ties are rounded away from zero",
        "quantize",
        ("Q-S3",),
        quantize_by(shift=rounded_away),
        seen_in="std::round; gemmlowp and TensorFlow Lite",
    ),
    Mutant(
        "the zero point is added before rounding",
        "quantize",
        ("Q-S3",),
        quantize_by(shift=added_then_rounded),
        seen_in="StableHLO's formula",
    ),
    Mutant("the fraction is cut off", "quantize", ("Q-S3",), quantize_by(shift=cut_off), seen_in="a C cast; cvttps2dq"),
    Mutant("ties are rounded up, as floor(t + 0.5) does", "quantize", ("Q-S3",), quantize_by(shift=_rounded_up)),
    Mutant("codes out of range wrap", "quantize", ("Q-S4",), quantize_by(narrow=wrap)),
    Mutant(
        "-128 is never used",
        "quantize",
        ("Q-S4",),
        quantize_by(narrow=_symmetric),
        seen_in="narrow_range of TensorFlow",
    ),
    Mutant(
        "the cast to int32 precedes the clipping",
        "quantize",
        ("Q-S4",),
        quantize_by(narrow=_cast_to_int32_first),
        seen_in="cvtps2dq, which gives the lowest int32 for all that it cannot hold",
    ),
    Mutant(
        "the clipping precedes the zero point",
        "quantize",
        ("Q-S4",),
        quantize_by(shift=_clipped_then_added, narrow=wrap),
    ),
    Mutant("a NaN spoils its row", "quantize", ("Q-S5",), _nan_spoils_its_row),
    Mutant("the first scale serves for all", "quantize", ("Q-S6",), _first_scale_for_all),
    Mutant("scale and zero point are off by one", "quantize", ("Q-S6",), _scale_shifted),
)
