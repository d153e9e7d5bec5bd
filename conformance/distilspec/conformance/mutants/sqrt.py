"""Wrong ways to carry out ``sqrt``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import twelve_bits
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _by_reciprocal(x: RealArray) -> Float64Array:
    return real(x) * (1 / ops.sqrt(x))


def _estimate(x: RealArray) -> Float64Array:
    return twelve_bits(ops.sqrt(x))


def _of_magnitude(x: RealArray) -> Float64Array:
    return ops.sqrt(np.abs(x))


def _clipped_at_zero(x: RealArray) -> Float64Array:
    return ops.sqrt(np.maximum(x, x.dtype.type(0)))


MUTANTS = (
    Mutant("x / sqrt(x), NaN for 0 and infinity", "sqrt", ("SQRT-S1",), _by_reciprocal, seen_in="x * rsqrtps(x)"),
    Mutant("an estimate of 12 bits", "sqrt", ("SQRT-S1",), _estimate, seen_in="rsqrtps unrefined"),
    Mutant("the root of the magnitude", "sqrt", ("SQRT-S2",), _of_magnitude),
    Mutant("negative elements become zero", "sqrt", ("SQRT-S2",), _clipped_at_zero),
)
