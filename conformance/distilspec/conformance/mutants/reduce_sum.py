"""Wrong ways to carry out ``reduce_sum``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import (
    over_the_first_axis_only,
    through_float64,
    with_reduced_axes,
    without_reduced_axes,
)
from distilspec.conformance.mutants.linear import whole_vectors
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, NumberArray


def _tail_dropped(x: NumberArray, *, axes: tuple[int, ...], keepdims: bool = True) -> Array:
    covered: Array = x
    for axis in axes:
        covered = np.take(covered, range(whole_vectors(x.shape[axis])), axis=axis)
    return ops.reduce_sum(covered, axes=axes, keepdims=keepdims)


MUTANTS = (
    Mutant("the tail beyond a multiple of 16 is dropped", "reduce_sum", ("RSUM-S1",), _tail_dropped),
    Mutant(
        "only the first of the axes is summed", "reduce_sum", ("RSUM-S1",), over_the_first_axis_only(ops.reduce_sum)
    ),
    Mutant("int64 is summed in float64", "reduce_sum", ("RSUM-S2",), through_float64(ops.reduce_sum)),
    Mutant(
        "reduced axes vanish though keepdims is True", "reduce_sum", ("RSUM-S3",), without_reduced_axes(ops.reduce_sum)
    ),
    Mutant("reduced axes stay though keepdims is False", "reduce_sum", ("RSUM-S3",), with_reduced_axes(ops.reduce_sum)),
)
