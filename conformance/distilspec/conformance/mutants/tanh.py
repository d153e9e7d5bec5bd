"""Wrong ways to carry out ``tanh``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _overflowing(x: RealArray) -> Float64Array:
    up, down = np.exp(np.float32(x)), np.exp(-np.float32(x))
    return real((up - down) / (up + down))


def _cancelling(x: RealArray) -> Float64Array:
    return real(1 - np.float32(2) / (np.exp(2 * np.float32(np.clip(x, -20, 20))) + 1))


def _rational(x: RealArray) -> Float64Array:
    v = np.clip(real(x), -3, 3)
    return v * (27 + v * v) / (27 + 9 * v * v)


MUTANTS = (
    Mutant("infinity / infinity far out", "tanh", ("TANH-S1",), _overflowing),
    Mutant("1 - 2 / (exp(2 x) + 1), which cancels near zero", "tanh", ("TANH-S1",), _cancelling),
    Mutant("a rational approximation, clipped at 3", "tanh", ("TANH-S1",), _rational),
)
