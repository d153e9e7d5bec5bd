"""Wrong ways to carry out ``reduce_mean``."""

from __future__ import annotations

from distilspec.conformance.mutants.arithmetic import (
    over_the_first_axis_only,
    to_float16,
    with_reduced_axes,
    without_reduced_axes,
)
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Float64Array, RealArray


def _divided_by_the_first_size(x: RealArray, *, axes: tuple[int, ...], keepdims: bool = True) -> Float64Array:
    total: Float64Array = ops.reduce_sum(x, axes=axes, keepdims=keepdims) / x.shape[axes[0]]
    return total


def _unbiased(x: RealArray, *, axes: tuple[int, ...], keepdims: bool = True) -> Float64Array:
    y, total = ops.reduce_mean(x, axes=axes, keepdims=keepdims), ops.reduce_sum(x, axes=axes, keepdims=keepdims)
    return y * (x.size / max(x.size - total.size, 1))


MUTANTS = (
    Mutant("the sum is divided by the first size", "reduce_mean", ("RMEAN-S1",), _divided_by_the_first_size),
    Mutant("the sum is divided by n - 1", "reduce_mean", ("RMEAN-S1",), _unbiased),
    Mutant(
        "only the first of the axes is averaged",
        "reduce_mean",
        ("RMEAN-S1",),
        over_the_first_axis_only(ops.reduce_mean),
    ),
    Mutant("held in float16", "reduce_mean", ("RMEAN-S1",), to_float16(ops.reduce_mean)),
    Mutant(
        "reduced axes vanish though keepdims is True",
        "reduce_mean",
        ("RMEAN-S2",),
        without_reduced_axes(ops.reduce_mean),
    ),
    Mutant(
        "reduced axes stay though keepdims is False", "reduce_mean", ("RMEAN-S2",), with_reduced_axes(ops.reduce_mean)
    ),
)
