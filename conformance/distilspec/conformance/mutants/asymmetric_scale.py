"""Wrong ways to carry out ``asymmetric_scale``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants.arithmetic import bfloat16, half_away
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference.arith import round_half_even, round_to_float32, saturate
from distilspec.reference.contract.types import Array, Float32Array, RealArray
from distilspec.reference.ops.asymmetric_scale import AsymmetricScale


def _held_by_0(minimum: Array, maximum: Array) -> tuple[Array, Array]:
    return np.minimum(minimum, np.float32(0)), np.maximum(maximum, np.float32(0))


def _width_by_255(low: Array, high: Array) -> Array:
    return np.asarray((high - low) / np.float32(255))


def _one_for_none(quotient: Array) -> Array:
    return np.where(quotient < np.finfo(np.float32).tiny, np.float32(1), quotient)


def _rounded(low: Array, scale: Array) -> Array:
    return saturate(round_half_even(-low / scale), np.uint8)


def scale_by(
    widen: Callable[[Array, Array], tuple[Array, Array]] = _held_by_0,
    divide: Callable[[Array, Array], Array] = _width_by_255,
    replace: Callable[[Array], Array] = _one_for_none,
    place: Callable[[Array, Array], Array] = _rounded,
) -> Callable[..., AsymmetricScale]:
    """Return ``asymmetric_scale`` with one of its clauses carried out in another way."""

    def operator(minimum: RealArray, maximum: RealArray) -> AsymmetricScale:
        low, high = widen(round_to_float32(minimum), round_to_float32(maximum))
        scale: Float32Array = replace(divide(low, high))
        return AsymmetricScale(scale, place(low, scale))

    return operator


def as_observed(minimum: Array, maximum: Array) -> tuple[Array, Array]:
    """Leave a range that does not hold 0."""
    return minimum, maximum


def made_symmetric(minimum: Array, maximum: Array) -> tuple[Array, Array]:
    """Take the larger magnitude on both sides."""
    largest = np.maximum(np.abs(minimum), np.abs(maximum))
    return -largest, largest


def by_256(low: Array, high: Array) -> Array:
    """Count 256 steps where there are 255."""
    return np.asarray((high - low) / np.float32(256))


def by_127(low: Array, high: Array) -> Array:
    """Use 7 of the 8 bits."""
    return np.asarray((high - low) / np.float32(127))


def in_bfloat16(low: Array, high: Array) -> Array:
    """Round the scale to bfloat16."""
    return bfloat16(_width_by_255(low, high))


def kept(quotient: Array) -> Array:
    """Keep a quotient of 0, or a subnormal one."""
    return quotient


def at_least_epsilon(quotient: Array) -> Array:
    """Raise the scale to float32's epsilon."""
    return np.maximum(quotient, np.finfo(np.float32).eps)


def cut_off(low: Array, scale: Array) -> Array:
    """Drop the fraction of the zero point."""
    return saturate(np.trunc(-low / scale), np.uint8)


def rounded_away(low: Array, scale: Array) -> Array:
    """Round a tie away from zero."""
    return saturate(half_away(-low / scale), np.uint8)


def off_by_one(low: Array, scale: Array) -> Array:
    """Give the zero point after the right one, except for the last."""
    return saturate(round_half_even(-low / scale) + 1, np.uint8)


_NAME = "asymmetric_scale"

MUTANTS = (
    Mutant("the range need not hold 0", _NAME, ("ASYM-S1",), scale_by(widen=as_observed)),
    Mutant("the range is made symmetric", _NAME, ("ASYM-S1",), scale_by(widen=made_symmetric)),
    Mutant("the width is divided by 256", _NAME, ("ASYM-S2",), scale_by(divide=by_256)),
    Mutant(
        "the width is divided by 127",
        _NAME,
        ("ASYM-S2",),
        scale_by(divide=by_127),
        seen_in="reduce_range of torch",
    ),
    Mutant("the scale is rounded to bfloat16", _NAME, ("ASYM-S2",), scale_by(divide=in_bfloat16)),
    Mutant(
        "a scale of 0 stays",
        _NAME,
        ("ASYM-S3",),
        scale_by(replace=kept),
        seen_in="the function body of ONNX DynamicQuantizeLinear",
    ),
    Mutant(
        "the scale is at least 1.2e-7",
        _NAME,
        ("ASYM-S3",),
        scale_by(replace=at_least_epsilon),
        seen_in="torch's observers: eps",
    ),
    Mutant("the zero point's fraction is cut off", _NAME, ("ASYM-S4",), scale_by(place=cut_off)),
    Mutant("the zero point's ties are rounded away from zero", _NAME, ("ASYM-S4",), scale_by(place=rounded_away)),
    Mutant("the zero point is one too large", _NAME, ("ASYM-S4",), scale_by(place=off_by_one)),
)
