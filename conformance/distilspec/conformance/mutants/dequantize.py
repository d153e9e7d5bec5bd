"""Wrong ways to carry out ``dequantize``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import bfloat16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import along_axis, real
from distilspec.reference.contract.types import Array, Float32Array, Float64Array


def _zero_point_ignored(
    codes: Array,
    scale: Float32Array,
    zero_point: Array | None = None,  # noqa: ARG001
    *,
    axis: int | None = None,
) -> Float64Array:
    return ops.dequantize(codes, scale, axis=axis)


def _zero_point_not_scaled(
    codes: Array, scale: Float32Array, zero_point: Array | None = None, *, axis: int | None = None
) -> Float64Array:
    y = ops.dequantize(codes, scale, axis=axis)
    if zero_point is None:
        return y
    return y - real(zero_point if axis is None else along_axis(zero_point, axis, codes.ndim))


def _difference_wraps(
    codes: Array, scale: Float32Array, zero_point: Array | None = None, *, axis: int | None = None
) -> Float64Array:
    if zero_point is None:
        return ops.dequantize(codes, scale, axis=axis)
    zero = zero_point if axis is None else along_axis(zero_point, axis, codes.ndim)
    return ops.dequantize(codes - zero, scale, axis=axis)


def _bfloat16_scale(
    codes: Array, scale: Float32Array, zero_point: Array | None = None, *, axis: int | None = None
) -> Float64Array:
    return ops.dequantize(codes, bfloat16(scale), zero_point, axis=axis)


def _middle_for_absent(
    codes: Array, scale: Float32Array, zero_point: Array | None = None, *, axis: int | None = None
) -> Float64Array:
    y = ops.dequantize(codes, scale, zero_point, axis=axis)
    middle = 128 * real(scale if axis is None else along_axis(scale, axis, codes.ndim))
    return y if zero_point is not None else y - middle


def _first_scale_for_all(
    codes: Array, scale: Float32Array, zero_point: Array | None = None, *, axis: int | None = None
) -> Float64Array:
    used = scale if axis is None else np.full_like(scale, scale[0])
    return ops.dequantize(codes, used, zero_point, axis=axis)


def _scale_shifted(
    codes: Array, scale: Float32Array, zero_point: Array | None = None, *, axis: int | None = None
) -> Float64Array:
    return ops.dequantize(codes, scale if axis is None else np.roll(scale, 1), zero_point, axis=axis)


MUTANTS = (
    Mutant("the zero point is ignored", "dequantize", ("DQ-S1",), _zero_point_ignored),
    Mutant("the zero point is not scaled", "dequantize", ("DQ-S1",), _zero_point_not_scaled),
    Mutant("the difference wraps in the type of the codes", "dequantize", ("DQ-S1",), _difference_wraps),
    Mutant("the scale is rounded to bfloat16", "dequantize", ("DQ-S1",), _bfloat16_scale),
    Mutant("an absent zero point is 128", "dequantize", ("DQ-S2",), _middle_for_absent),
    Mutant("the first scale serves for all", "dequantize", ("DQ-S3",), _first_scale_for_all),
    Mutant("the scale is off by one", "dequantize", ("DQ-S3",), _scale_shifted),
)
