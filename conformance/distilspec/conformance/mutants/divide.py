"""Wrong ways to carry out ``divide``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import twelve_bits
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _estimate(a: RealArray, b: RealArray) -> Float64Array:
    return real(a) * twelve_bits(1 / real(b))


def _floor(a: RealArray, b: RealArray) -> Float64Array:
    return real(np.floor_divide(real(a), real(b)))


def _swapped(a: RealArray, b: RealArray) -> Float64Array:
    return ops.divide(b, a)


def _zero_for_zero(a: RealArray, b: RealArray) -> Float64Array:
    return np.where(b == 0, 0.0, ops.divide(a, b))


def _unsigned_infinity(a: RealArray, b: RealArray) -> Float64Array:
    y = ops.divide(a, b)
    return np.where(b == 0, np.abs(y), y)


MUTANTS = (
    Mutant("the reciprocal is an estimate of 12 bits", "divide", ("DIV-S1",), _estimate, seen_in="rcpps unrefined"),
    Mutant("the quotient is rounded down to an integer", "divide", ("DIV-S1",), _floor),
    Mutant("the operands are swapped", "divide", ("DIV-S1",), _swapped),
    Mutant("division by zero gives zero", "divide", ("DIV-S2",), _zero_for_zero),
    Mutant("division by zero gives +infinity always", "divide", ("DIV-S2",), _unsigned_infinity),
)
