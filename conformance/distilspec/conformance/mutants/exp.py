"""Wrong ways to carry out ``exp``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import fast_exp, to_float16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _base_2(x: RealArray) -> Float64Array:
    return real(np.exp2(real(x)))


def _clipped(x: RealArray) -> Float64Array:
    return ops.exp(np.clip(real(x), -88.0, 88.0))


def _fast(x: RealArray) -> Float64Array:
    return np.where(np.isnan(x), np.nan, fast_exp(x))


MUTANTS = (
    Mutant("the base is 2", "exp", ("EXP-S1",), _base_2),
    Mutant("the argument is clipped to 88, so infinity is finite", "exp", ("EXP-S1",), _clipped),
    Mutant(
        "read from the bits of a float, to 3 %", "exp", ("EXP-S1",), _fast, seen_in="Schraudolph's fast exponential"
    ),
    Mutant("held in float16, which ends at 65504", "exp", ("EXP-S1",), to_float16(ops.exp)),
)
