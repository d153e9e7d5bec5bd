"""Wrong ways to carry out ``minimum``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import through_float64
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import number
from distilspec.reference.contract.types import Array, NumberArray


def _by_magnitude(a: NumberArray, b: NumberArray) -> Array:
    return np.where(np.abs(number(a)) < np.abs(number(b)), number(a), number(b))


def _passes_nan_over(a: NumberArray, b: NumberArray) -> Array:
    return np.asarray(np.fmin(number(a), number(b)))


def _second_operand(a: NumberArray, b: NumberArray) -> Array:
    return np.where(number(a) < number(b), number(a), number(b))


MUTANTS = (
    Mutant("magnitudes are compared", "minimum", ("MIN-S1",), _by_magnitude),
    Mutant("int64 is compared in float64", "minimum", ("MIN-S2",), through_float64(ops.minimum)),
    Mutant("a NaN is passed over", "minimum", ("MIN-S3",), _passes_nan_over, seen_in="C's fmin"),
    Mutant("the second operand wins beside a NaN", "minimum", ("MIN-S3",), _second_operand, seen_in="minps on x86"),
)
