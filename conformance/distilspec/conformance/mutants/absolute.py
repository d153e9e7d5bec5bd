"""Wrong ways to carry out ``absolute``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _positive_part(x: RealArray) -> Float64Array:
    return np.where(real(x) < 0, 0.0, real(x))


def _finite_only(x: RealArray) -> Float64Array:
    return np.where(np.isinf(x), real(x), np.abs(real(x)))


def _nan_is_zero(x: RealArray) -> Float64Array:
    return np.where(np.isnan(x), 0.0, np.abs(real(x)))


MUTANTS = (
    Mutant("negative elements become zero", "absolute", ("ABS-S1",), _positive_part),
    Mutant("-infinity keeps its sign", "absolute", ("ABS-S1",), _finite_only),
    Mutant("NaN becomes 0", "absolute", ("ABS-S1",), _nan_is_zero),
)
