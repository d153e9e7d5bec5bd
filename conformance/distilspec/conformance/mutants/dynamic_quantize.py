"""Wrong ways to carry out ``dynamic_quantize``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from distilspec.conformance.mutants import asymmetric_scale as wrong_scale
from distilspec.conformance.mutants.arithmetic import wrap
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.conformance.mutants.quantize import added_then_rounded, cut_off, quantize_by, rounded_away
from distilspec.reference import ops
from distilspec.reference.arith import real, round_to_float32
from distilspec.reference.contract.types import Array, RealArray
from distilspec.reference.ops.dynamic_quantize import DynamicQuantized


def _observed(x: Array) -> tuple[Array, Array]:
    return (x.min(), x.max()) if x.size else (np.zeros((), x.dtype), np.zeros((), x.dtype))


def dynamic_by(
    observe: Callable[[Array], tuple[Array, Array]] = _observed,
    scale_of: Callable[..., Any] = ops.asymmetric_scale,
    quantize: Callable[..., Array] = ops.quantize,
) -> Callable[..., DynamicQuantized]:
    """Return ``dynamic_quantize`` with its range, its scale or its codes made in another way."""

    def operator(x: RealArray) -> DynamicQuantized:
        x32 = round_to_float32(x)
        scale, zero_point = scale_of(*observe(x32))
        return DynamicQuantized(quantize(x32, scale, zero_point), scale, zero_point)

    return operator


def _not_rounded(x: RealArray) -> DynamicQuantized:
    low, high = real(x).min(initial=0), real(x).max(initial=0)
    scale = (high - low) / 255 or 1.0
    zero_point = np.rint(-low / scale)
    codes = np.clip(np.rint(real(x) / scale) + zero_point, 0, 255)
    return DynamicQuantized(codes.astype(np.uint8), np.asarray(scale, np.float32), np.asarray(zero_point, np.uint8))


def _first_row(x: Array) -> tuple[Array, Array]:
    return _observed(x[:1])


def _whole_vectors(x: Array) -> tuple[Array, Array]:
    return _observed(x.ravel()[: x.size // 16 * 16 or x.size])


_NAME = "dynamic_quantize"

MUTANTS = (
    Mutant("x is not rounded to float32", _NAME, ("DYN-S1",), _not_rounded),
    Mutant(
        "the range need not hold 0",
        _NAME,
        ("DYN-S2",),
        dynamic_by(scale_of=wrong_scale.scale_by(widen=wrong_scale.as_observed)),
    ),
    Mutant(
        "the range is made symmetric",
        _NAME,
        ("DYN-S2",),
        dynamic_by(scale_of=wrong_scale.scale_by(widen=wrong_scale.made_symmetric)),
    ),
    Mutant("the tail beyond a multiple of 16 is not in the range", _NAME, ("DYN-S2",), dynamic_by(_whole_vectors)),
    Mutant("the first row gives the range", _NAME, ("DYN-S2",), dynamic_by(_first_row)),
    Mutant(
        "the width is divided by 256",
        _NAME,
        ("DYN-S3",),
        dynamic_by(scale_of=wrong_scale.scale_by(divide=wrong_scale.by_256)),
    ),
    Mutant(
        "7 of the 8 bits are used",
        _NAME,
        ("DYN-S3",),
        dynamic_by(scale_of=wrong_scale.scale_by(divide=wrong_scale.by_127)),
        seen_in="reduce_range of torch",
    ),
    Mutant(
        "a scale of 0 stays",
        _NAME,
        ("DYN-S3",),
        dynamic_by(scale_of=wrong_scale.scale_by(replace=wrong_scale.kept), quantize=quantize_by()),
        seen_in="the function body of ONNX DynamicQuantizeLinear",
    ),
    Mutant(
        "the zero point's fraction is cut off",
        _NAME,
        ("DYN-S4",),
        dynamic_by(scale_of=wrong_scale.scale_by(place=wrong_scale.cut_off)),
    ),
    Mutant(
        "the zero point's ties are rounded away from zero",
        _NAME,
        ("DYN-S4",),
        dynamic_by(scale_of=wrong_scale.scale_by(place=wrong_scale.rounded_away)),
    ),
    Mutant(
        "the zero point is one too large",
        _NAME,
        ("DYN-S4",),
        dynamic_by(scale_of=wrong_scale.scale_by(place=wrong_scale.off_by_one)),
    ),
    Mutant("ties are rounded away from zero", _NAME, ("DYN-S5",), dynamic_by(quantize=quantize_by(shift=rounded_away))),
    Mutant(
        "the zero point is added before rounding",
        _NAME,
        ("DYN-S5",),
        dynamic_by(quantize=quantize_by(shift=added_then_rounded)),
    ),
    Mutant("the fraction is cut off", _NAME, ("DYN-S5",), dynamic_by(quantize=quantize_by(shift=cut_off))),
    Mutant("codes out of range wrap", _NAME, ("DYN-S5",), dynamic_by(quantize=quantize_by(narrow=wrap))),
)
