"""Wrong ways to carry out ``reciprocal``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import twelve_bits
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Float64Array, RealArray


def _estimate(x: RealArray) -> Float64Array:
    return twelve_bits(ops.reciprocal(x))


def _unsigned_infinity(x: RealArray) -> Float64Array:
    return np.where(x == 0, np.inf, ops.reciprocal(x))


def _largest_number(x: RealArray) -> Float64Array:
    largest = float(np.finfo(np.float32).max)
    return np.where(x == 0, np.copysign(largest, x), ops.reciprocal(x))


MUTANTS = (
    Mutant("an estimate of 12 bits", "reciprocal", ("RCP-S1",), _estimate, seen_in="rcpps unrefined"),
    Mutant("-0 gives +infinity", "reciprocal", ("RCP-S2",), _unsigned_infinity),
    Mutant("zero gives the largest float32", "reciprocal", ("RCP-S2",), _largest_number),
)
