"""Wrong ways to carry out ``greater``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, BoolArray


def _or_equal(a: Array, b: Array) -> BoolArray:
    return np.asarray(a >= b)


def _in_float64(a: Array, b: Array) -> BoolArray:
    return ops.greater(real(a), real(b))


def _negation(a: Array, b: Array) -> BoolArray:
    return ~np.asarray((a < b) | (a == b))


def _signed_zeros(a: Array, b: Array) -> BoolArray:
    return np.asarray((a > b) | (a == 0) & (b == 0) & np.signbit(b) & ~np.signbit(a))


MUTANTS = (
    Mutant("equal elements count as larger", "greater", ("GT-S1",), _or_equal),
    Mutant("int64 is compared in float64", "greater", ("GT-S1",), _in_float64),
    Mutant("the negation of the opposite comparison, True for NaN", "greater", ("GT-S2",), _negation),
    Mutant("-0 is smaller than 0", "greater", ("GT-S2",), _signed_zeros),
)
