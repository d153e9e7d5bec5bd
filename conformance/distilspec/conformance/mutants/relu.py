"""Wrong ways to carry out ``relu``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _leaky(x: RealArray) -> Float64Array:
    return np.where(real(x) < 0, 0.01 * real(x), real(x))


def _relu6(x: RealArray) -> Float64Array:
    return np.where(real(x) > 6, 6.0, ops.relu(x))


def _nan_is_zero(x: RealArray) -> Float64Array:
    return np.where(real(x) > 0, real(x), 0.0)


MUTANTS = (
    Mutant("negative elements leak with slope 0.01", "relu", ("RELU-S1",), _leaky),
    Mutant("elements are clipped at 6", "relu", ("RELU-S1",), _relu6),
    Mutant("NaN becomes 0", "relu", ("RELU-S2",), _nan_is_zero, seen_in="maxps(x, 0) on x86"),
)
