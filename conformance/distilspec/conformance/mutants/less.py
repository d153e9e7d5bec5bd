"""Wrong ways to carry out ``less``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, BoolArray


def _or_equal(a: Array, b: Array) -> BoolArray:
    return np.asarray(a <= b)


def _in_float64(a: Array, b: Array) -> BoolArray:
    return ops.less(real(a), real(b))


def _negation(a: Array, b: Array) -> BoolArray:
    return ~np.asarray((a > b) | (a == b))


def _signed_zeros(a: Array, b: Array) -> BoolArray:
    return np.asarray((a < b) | (a == 0) & (b == 0) & np.signbit(a) & ~np.signbit(b))


MUTANTS = (
    Mutant("equal elements count as smaller", "less", ("LT-S1",), _or_equal),
    Mutant("int64 is compared in float64", "less", ("LT-S1",), _in_float64),
    Mutant("the negation of the opposite comparison, True for NaN", "less", ("LT-S2",), _negation),
    Mutant("-0 is smaller than 0", "less", ("LT-S2",), _signed_zeros),
)
