"""Wrong ways to carry out ``maximum``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import through_float64
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import number
from distilspec.reference.contract.types import Array, NumberArray


def _by_magnitude(a: NumberArray, b: NumberArray) -> Array:
    return np.where(np.abs(number(a)) > np.abs(number(b)), number(a), number(b))


def _passes_nan_over(a: NumberArray, b: NumberArray) -> Array:
    return np.asarray(np.fmax(number(a), number(b)))


def _second_operand(a: NumberArray, b: NumberArray) -> Array:
    return np.where(number(a) > number(b), number(a), number(b))


MUTANTS = (
    Mutant("magnitudes are compared", "maximum", ("MAX-S1",), _by_magnitude),
    Mutant("int64 is compared in float64", "maximum", ("MAX-S2",), through_float64(ops.maximum)),
    Mutant("a NaN is passed over", "maximum", ("MAX-S3",), _passes_nan_over, seen_in="C's fmax"),
    Mutant("the second operand wins beside a NaN", "maximum", ("MAX-S3",), _second_operand, seen_in="maxps on x86"),
)
