"""Wrong ways to carry out ``power``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import float16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _exponential_of_logarithm(a: RealArray, b: RealArray) -> Float64Array:
    return real(np.exp(real(b) * np.log(real(a))))


def _half_precision_logarithm(a: RealArray, b: RealArray) -> Float64Array:
    usual = ops.power(a, b)
    approximate = np.exp(real(b) * float16(np.log(real(a))))
    return np.where((real(a) > 0) & np.isfinite(approximate) & np.isfinite(usual), approximate, usual)


def _magnitude(a: RealArray, b: RealArray) -> Float64Array:
    return np.abs(ops.power(a, b))


def _nan_propagates(a: RealArray, b: RealArray) -> Float64Array:
    return np.where(np.isnan(a) | np.isnan(b), np.nan, ops.power(a, b))


def _absolute_base(a: RealArray, b: RealArray) -> Float64Array:
    y = ops.power(a, b)
    return np.where(np.isnan(y), ops.power(np.abs(a), b), y)


def _unsigned_infinity(a: RealArray, b: RealArray) -> Float64Array:
    y = ops.power(a, b)
    return np.where(a == 0, np.abs(y), y)


def _zero_base_stays_zero(a: RealArray, b: RealArray) -> Float64Array:
    return np.where((a == 0) & (b < 0), 0.0, ops.power(a, b))


MUTANTS = (
    Mutant("exp(b log a), which has no negative base", "power", ("POW-S1", "POW-S2"), _exponential_of_logarithm),
    Mutant("the logarithm of the base is held in float16", "power", ("POW-S1",), _half_precision_logarithm),
    Mutant("an odd power of a negative base is positive", "power", ("POW-S1",), _magnitude),
    Mutant("NaN to the power of 0 is NaN", "power", ("POW-S2",), _nan_propagates),
    Mutant("a negative base loses its sign", "power", ("POW-S3",), _absolute_base),
    Mutant("-0 to an odd negative power is +infinity", "power", ("POW-S4",), _unsigned_infinity),
    Mutant("zero to a negative power is zero", "power", ("POW-S4",), _zero_base_stays_zero),
)
