"""Wrong ways to carry out ``dynamic_quantize_token``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants import symmetric_scale as wrong_scale
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.conformance.mutants.quantize import cut_off, quantize_by, rounded_away
from distilspec.reference import ops
from distilspec.reference.arith import real, round_to_float32
from distilspec.reference.contract.types import Array, RealArray
from distilspec.reference.ops.dynamic_quantize import DynamicQuantized


def _largest_of_a_row(x: Array) -> Array:
    return np.asarray(np.abs(x).max(axis=-1, keepdims=True, initial=0))


def dynamic_by(
    observe: Callable[[Array], Array] = _largest_of_a_row,
    scale_of: Callable[..., Array] = ops.symmetric_scale,
    quantize: Callable[..., Array] = ops.quantize,
) -> Callable[..., DynamicQuantized]:
    """Return ``dynamic_quantize_token`` with its ranges, its scales or its codes made in another way."""

    def operator(x: RealArray) -> DynamicQuantized:
        x32 = round_to_float32(x)
        scale, zero_point = scale_of(observe(x32)), np.zeros((), np.int8)
        return DynamicQuantized(quantize(x32, scale, zero_point), scale, zero_point)

    return operator


def _not_rounded(x: RealArray) -> DynamicQuantized:
    largest = np.abs(real(x)).max(axis=-1, keepdims=True, initial=0)
    scale = np.where(largest > 0, largest / 127, 1.0)
    codes = np.clip(np.rint(real(x) / scale), -128, 127)
    return DynamicQuantized(codes.astype(np.int8), round_to_float32(scale), np.zeros((), np.int8))


def _signs_kept(x: Array) -> Array:
    return np.asarray(x.max(axis=-1, keepdims=True, initial=0))


def _one_for_the_tensor(x: Array) -> Array:
    return np.full((*x.shape[:-1], 1), np.abs(x).max(initial=0), x.dtype)


def _one_for_the_sequence(x: Array) -> Array:
    largest = np.abs(x).max(axis=(-1, -2), keepdims=True, initial=0) if x.ndim > 2 else _largest_of_a_row(x)
    return np.broadcast_to(largest, (*x.shape[:-1], 1))


_NAME = "dynamic_quantize_token"

MUTANTS = (
    Mutant("x is not rounded to float32", _NAME, ("DYNT-S1",), _not_rounded),
    Mutant("only positive elements give the range", _NAME, ("DYNT-S2",), dynamic_by(_signs_kept)),
    Mutant("one scale for the tensor", _NAME, ("DYNT-S2",), dynamic_by(_one_for_the_tensor)),
    Mutant("one scale for a sequence", _NAME, ("DYNT-S2",), dynamic_by(_one_for_the_sequence)),
    Mutant("divided by 128", _NAME, ("DYNT-S3",), dynamic_by(scale_of=wrong_scale.divided_by_128)),
    Mutant("the scale is rounded to bfloat16", _NAME, ("DYNT-S3",), dynamic_by(scale_of=wrong_scale.bfloat16_scale)),
    Mutant(
        "a scale of 0 stays", _NAME, ("DYNT-S3",), dynamic_by(scale_of=wrong_scale.zero_scale, quantize=quantize_by())
    ),
    Mutant("the scale is at least 1.2e-7", _NAME, ("DYNT-S3",), dynamic_by(scale_of=wrong_scale.machine_epsilon)),
    Mutant(
        "ties are rounded away from zero", _NAME, ("DYNT-S4",), dynamic_by(quantize=quantize_by(shift=rounded_away))
    ),
    Mutant("the fraction is cut off", _NAME, ("DYNT-S4",), dynamic_by(quantize=quantize_by(shift=cut_off))),
)
