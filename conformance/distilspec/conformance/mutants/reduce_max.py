"""Wrong ways to carry out ``reduce_max``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import (
    over_the_first_axis_only,
    through_float64,
    with_reduced_axes,
    without_reduced_axes,
)
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import number, real
from distilspec.reference.contract.types import Array, NumberArray


def _starts_from_zero(x: NumberArray, *, axes: tuple[int, ...], keepdims: bool = True) -> Array:
    return np.asarray(number(x).max(axis=axes, keepdims=keepdims, initial=0))


def _passes_nan_over(x: NumberArray, *, axes: tuple[int, ...], keepdims: bool = True) -> Array:
    if x.dtype == np.int64:
        return ops.reduce_max(x, axes=axes, keepdims=keepdims)
    return np.asarray(real(x).max(axis=axes, keepdims=keepdims, initial=-np.inf, where=~np.isnan(x)))


def _nothing_gives_zero(x: NumberArray, *, axes: tuple[int, ...], keepdims: bool = True) -> Array:
    y = ops.reduce_max(x, axes=axes, keepdims=keepdims)
    return np.zeros_like(y) if x.size == 0 else y


MUTANTS = (
    Mutant("the search for the largest starts from 0", "reduce_max", ("RMAX-S1",), _starts_from_zero),
    Mutant(
        "only the first of the axes is searched", "reduce_max", ("RMAX-S1",), over_the_first_axis_only(ops.reduce_max)
    ),
    Mutant("int64 is compared in float64", "reduce_max", ("RMAX-S1",), through_float64(ops.reduce_max)),
    Mutant("a NaN is passed over", "reduce_max", ("RMAX-S2",), _passes_nan_over, seen_in="C's fmax"),
    Mutant("no elements give 0", "reduce_max", ("RMAX-S3",), _nothing_gives_zero),
    Mutant(
        "reduced axes vanish though keepdims is True", "reduce_max", ("RMAX-S4",), without_reduced_axes(ops.reduce_max)
    ),
    Mutant("reduced axes stay though keepdims is False", "reduce_max", ("RMAX-S4",), with_reduced_axes(ops.reduce_max)),
)
