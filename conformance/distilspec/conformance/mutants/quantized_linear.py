"""Wrong ways to carry out ``quantized_linear``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants import matmul_integer as wrong
from distilspec.conformance.mutants import quantize as wrong_codes
from distilspec.conformance.mutants.arithmetic import bfloat16, float16, wrap
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, CodeArray, Float32Array, Float64Array, Int8Array, RealArray


def _rescaled(accumulator: Array, x_scale: Array, weight_scale: Array) -> Array:
    return np.asarray(accumulator * (real(x_scale) * real(weight_scale)))


def _bias_added(y: Array, bias: RealArray, x_scale: Array, weight_scale: Array) -> Array:  # noqa: ARG001
    return np.asarray(y + real(bias))


def linear_by(
    accumulate: Callable[..., Array] = ops.matmul_integer,
    rescale: Callable[[Array, Array, Array], Array] = _rescaled,
    add_bias: Callable[[Array, RealArray, Array, Array], Array] = _bias_added,
    requantize: Callable[..., CodeArray] = ops.quantize,
) -> Callable[..., Float64Array | CodeArray]:
    """Return ``quantized_linear`` with one of its clauses carried out in another way."""

    def operator(
        x: CodeArray,
        x_scale: Float32Array,
        x_zero_point: CodeArray,
        weight: Int8Array,
        weight_scale: Float32Array,
        bias: RealArray | None = None,
        y_scale: Float32Array | None = None,
        y_zero_point: CodeArray | None = None,
    ) -> Float64Array | CodeArray:
        y = rescale(accumulate(x, weight.T, x_zero_point), x_scale, weight_scale)
        if bias is not None:
            y = add_bias(y, bias, x_scale, weight_scale)
        return y if y_scale is None else requantize(y, y_scale, y_zero_point)

    return operator


def _scale_shifted(accumulator: Array, x_scale: Array, weight_scale: Array) -> Array:
    return _rescaled(accumulator, x_scale, np.roll(weight_scale, 1))


def _one_weight_scale(accumulator: Array, x_scale: Array, weight_scale: Array) -> Array:
    return _rescaled(accumulator, x_scale, np.full_like(weight_scale, weight_scale.max(initial=0)))


def _one_token_scale(accumulator: Array, x_scale: Array, weight_scale: Array) -> Array:
    return _rescaled(accumulator, x_scale.ravel()[0], weight_scale)


def _bfloat16_scales(accumulator: Array, x_scale: Array, weight_scale: Array) -> Array:
    return _rescaled(accumulator, bfloat16(x_scale), bfloat16(weight_scale))


def _float16_result(accumulator: Array, x_scale: Array, weight_scale: Array) -> Array:
    return float16(_rescaled(accumulator, x_scale, weight_scale))


def _fixed_point_scales(accumulator: Array, x_scale: Array, weight_scale: Array) -> Array:
    return np.asarray(accumulator * np.rint(real(x_scale) * real(weight_scale) * 2.0**16) / 2.0**16)


def _without_bias(y: Array, bias: RealArray, x_scale: Array, weight_scale: Array) -> Array:  # noqa: ARG001
    return y


def _bias_in_steps(rounded: Callable[[Array], Array]) -> Callable[[Array, RealArray, Array, Array], Array]:
    def add_bias(y: Array, bias: RealArray, x_scale: Array, weight_scale: Array) -> Array:
        step = real(x_scale) * real(weight_scale)
        return np.asarray(y + step * rounded(real(bias) / step))

    return add_bias


def _whole_bias(y: Array, bias: RealArray, x_scale: Array, weight_scale: Array) -> Array:  # noqa: ARG001
    return np.asarray(y + np.trunc(real(bias)))


def _scaled_bias(y: Array, bias: RealArray, x_scale: Array, weight_scale: Array) -> Array:
    return np.asarray(y + real(bias) * (real(x_scale) * real(weight_scale)))


_NAME = "quantized_linear"

MUTANTS = (
    Mutant(
        "pairs of products saturate in 16 bits",
        _NAME,
        ("QL-S1",),
        linear_by(wrong.saturating_pairs),
        seen_in="vpmaddubsw on CPUs without VNNI: ONNX Runtime on AVX2",
    ),
    Mutant("fours of products saturate in 16 bits", _NAME, ("QL-S1",), linear_by(wrong.saturating_fours)),
    Mutant("sums wrap in 16 bits", _NAME, ("QL-S1",), linear_by(wrong.in_16_bits)),
    Mutant("sums saturate in 16 bits", _NAME, ("QL-S1",), linear_by(wrong.saturating_in_16_bits)),
    Mutant("sums pass through float16", _NAME, ("QL-S1",), linear_by(wrong.in_float16)),
    Mutant("the tail beyond a multiple of 16 terms is dropped", _NAME, ("QL-S1",), linear_by(wrong.tail_dropped)),
    Mutant("the last term is dropped", _NAME, ("QL-S1",), linear_by(wrong.last_term_dropped)),
    Mutant("unsigned codes are read as signed ones", _NAME, ("QL-S1",), linear_by(wrong.unsigned_read_as_signed)),
    Mutant("the weight is read as unsigned", _NAME, ("QL-S1",), linear_by(wrong.signed_read_as_unsigned)),
    Mutant("the zero point is ignored", _NAME, ("QL-S1",), linear_by(wrong.without_a_zero_point)),
    Mutant(
        "a zero point beyond 127 is read as negative", _NAME, ("QL-S1",), linear_by(wrong.zero_point_read_as_signed)
    ),
    Mutant(
        "the zero point is ignored beyond a multiple of 16 terms",
        _NAME,
        ("QL-S1",),
        linear_by(wrong.tail_not_corrected),
    ),
    Mutant("the weight's scale is off by one output", _NAME, ("QL-S2",), linear_by(rescale=_scale_shifted)),
    Mutant(
        "the largest scale of the weight serves for all outputs",
        _NAME,
        ("QL-S2",),
        linear_by(rescale=_one_weight_scale),
    ),
    Mutant("the first token's scale serves for all", _NAME, ("QL-S2",), linear_by(rescale=_one_token_scale)),
    Mutant("the scales are rounded to bfloat16", _NAME, ("QL-S2",), linear_by(rescale=_bfloat16_scales)),
    Mutant("the result is held in float16", _NAME, ("QL-S2",), linear_by(rescale=_float16_result)),
    Mutant(
        "the product of the scales has 16 bits after the point",
        _NAME,
        ("QL-S2",),
        linear_by(rescale=_fixed_point_scales),
    ),
    Mutant("the bias is missing", _NAME, ("QL-S3",), linear_by(add_bias=_without_bias)),
    Mutant(
        "the bias is rounded to a step of the accumulator",
        _NAME,
        ("QL-S3",),
        linear_by(add_bias=_bias_in_steps(np.rint)),
        seen_in="int32 bias: TensorFlow Lite, ONNX QLinearConv",
    ),
    Mutant(
        "the bias is cut to a step of the accumulator", _NAME, ("QL-S3",), linear_by(add_bias=_bias_in_steps(np.trunc))
    ),
    Mutant("the bias is cut to an integer", _NAME, ("QL-S3",), linear_by(add_bias=_whole_bias)),
    Mutant("the bias is scaled as the accumulator is", _NAME, ("QL-S3",), linear_by(add_bias=_scaled_bias)),
    Mutant(
        "ties are rounded away from zero when requantising",
        _NAME,
        ("QL-S4",),
        linear_by(requantize=wrong_codes.quantize_by(shift=wrong_codes.rounded_away)),
        seen_in="gemmlowp and TensorFlow Lite",
    ),
    Mutant(
        "the zero point is added before rounding when requantising",
        _NAME,
        ("QL-S4",),
        linear_by(requantize=wrong_codes.quantize_by(shift=wrong_codes.added_then_rounded)),
    ),
    Mutant(
        "the fraction is cut off when requantising",
        _NAME,
        ("QL-S4",),
        linear_by(requantize=wrong_codes.quantize_by(shift=wrong_codes.cut_off)),
    ),
    Mutant(
        "codes out of range wrap when requantising",
        _NAME,
        ("QL-S4",),
        linear_by(requantize=wrong_codes.quantize_by(narrow=wrap)),
    ),
)
