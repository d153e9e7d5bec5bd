"""Wrong ways to carry out ``softmax``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants.arithmetic import fast_exp, to_float16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, BoolArray, Float64Array, RealArray


def _kept(x: RealArray, mask: BoolArray | None) -> BoolArray:
    return np.broadcast_to(True if mask is None else mask, x.shape)


def _normalised(e: Array, axis: int) -> Float64Array:
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def maximum_not_subtracted(x: RealArray, mask: BoolArray | None = None, *, axis: int = -1) -> Float64Array:
    """Overflow to infinity, and so to NaN, where a logit exceeds 88; the definition otherwise."""
    kept = _kept(x, mask)
    y = _normalised(np.where(kept, np.exp(np.asarray(x, np.float32)), np.float32(0)), axis)
    return np.where(kept.any(axis=axis, keepdims=True), y, 0.0)


def _masked_entries_in_the_maximum(x: RealArray, mask: BoolArray | None = None, *, axis: int = -1) -> Float64Array:
    return maximum_not_subtracted(real(x) - real(x).max(axis=axis, keepdims=True, initial=-np.inf), mask, axis=axis)


def _with_exponential(exponential: Callable[[Array], Array]) -> Callable[..., Float64Array]:
    def operator(x: RealArray, mask: BoolArray | None = None, *, axis: int = -1) -> Float64Array:
        kept = _kept(x, mask)
        shifted = real(x) - real(x).max(axis=axis, keepdims=True, where=kept, initial=-np.inf)
        y = _normalised(np.where(kept, exponential(shifted), 0.0), axis)
        return np.where(kept.any(axis=axis, keepdims=True), y, 0.0)

    return operator


def _masked_entries_in_the_sum(x: RealArray, mask: BoolArray | None = None, *, axis: int = -1) -> Float64Array:
    return np.where(_kept(x, mask), ops.softmax(x, axis=axis), 0.0)


def _last_axis(x: RealArray, mask: BoolArray | None = None, *, axis: int = -1) -> Float64Array:  # noqa: ARG001
    return ops.softmax(x, mask)


def mask_ignored(x: RealArray, mask: BoolArray | None = None, *, axis: int = -1) -> Float64Array:  # noqa: ARG001
    """Give masked entries their weight."""
    return ops.softmax(x, axis=axis)


def _minus_10000(x: RealArray, mask: BoolArray | None = None, *, axis: int = -1) -> Float64Array:
    return ops.softmax(real(x) + np.where(_kept(x, mask), 0.0, -10000.0), axis=axis)


def _minus_infinity(x: RealArray, mask: BoolArray | None = None, *, axis: int = -1) -> Float64Array:
    kept = _kept(x, mask)
    y = ops.softmax(real(x) + np.where(kept, 0.0, -np.inf), axis=axis)
    return np.where(kept.any(axis=axis, keepdims=True), y, 0.0)


def uniform_where_all_is_masked(x: RealArray, mask: BoolArray | None = None, *, axis: int = -1) -> Float64Array:
    """Give each entry of a row without a kept entry the weight 1 / n."""
    kept = _kept(x, mask)
    return np.where(kept.any(axis=axis, keepdims=True), ops.softmax(x, mask, axis=axis), 1 / max(x.shape[axis], 1))


def nan_where_all_is_masked(x: RealArray, mask: BoolArray | None = None, *, axis: int = -1) -> Float64Array:
    """Divide zero by zero in a row without a kept entry."""
    kept = _kept(x, mask)
    return np.where(kept.any(axis=axis, keepdims=True), ops.softmax(x, mask, axis=axis), np.nan)


MUTANTS = (
    Mutant("the maximum is not subtracted", "softmax", ("SM-S1",), maximum_not_subtracted),
    Mutant("masked entries count for the maximum", "softmax", ("SM-S1",), _masked_entries_in_the_maximum),
    Mutant("the base is 2", "softmax", ("SM-S2",), _with_exponential(np.exp2)),
    Mutant(
        "exponentials are read from the bits of a float, to 3 %",
        "softmax",
        ("SM-S2",),
        _with_exponential(fast_exp),
        seen_in="Schraudolph's fast exponential",
    ),
    Mutant("masked entries count for the sum", "softmax", ("SM-S3",), _masked_entries_in_the_sum),
    Mutant("the last axis, whatever the axis", "softmax", ("SM-S3",), _last_axis),
    Mutant("weights are held in float16", "softmax", ("SM-S3",), to_float16(ops.softmax)),
    Mutant("the mask is ignored", "softmax", ("SM-S4",), mask_ignored),
    Mutant(
        "masked entries get -10000 added",
        "softmax",
        ("SM-S4", "SM-S5"),
        _minus_10000,
        seen_in="BERT in TensorFlow and early Transformers",
    ),
    Mutant("masked entries get -infinity added, which NaN survives", "softmax", ("SM-S4",), _minus_infinity),
    Mutant(
        "a row with every entry masked is uniform",
        "softmax",
        ("SM-S5",),
        uniform_where_all_is_masked,
        seen_in="Transformers' eager attention",
    ),
    Mutant(
        "a row with every entry masked is NaN",
        "softmax",
        ("SM-S5",),
        nan_where_all_is_masked,
        seen_in="torch with a -infinity mask",
    ),
)
