"""Wrong ways to carry out ``equal``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, BoolArray


def _nearly(a: Array, b: Array) -> BoolArray:
    return np.isclose(a, b)


def _in_float64(a: Array, b: Array) -> BoolArray:
    return ops.equal(real(a), real(b))


def _bits(a: Array, b: Array) -> BoolArray:
    return np.asarray(ops.equal(a, b) & (np.signbit(a) == np.signbit(b)) | np.isnan(a) & np.isnan(b))


def _negation_of_order(a: Array, b: Array) -> BoolArray:
    return ~((a < b) | (a > b))


MUTANTS = (
    Mutant("nearly equal is equal", "equal", ("EQ-S1",), _nearly),
    Mutant("int64 is compared in float64", "equal", ("EQ-S1",), _in_float64),
    Mutant("bits are compared, so -0 differs from 0", "equal", ("EQ-S2",), _bits),
    Mutant("what is neither less nor greater is equal, NaN too", "equal", ("EQ-S2",), _negation_of_order),
)
