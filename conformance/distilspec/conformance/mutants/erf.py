"""Wrong ways to carry out ``erf``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import to_float16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _handbook(x: RealArray) -> Float64Array:
    v = np.abs(real(x))
    t = 1 / (1 + 0.3275911 * v)
    series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    return np.asarray(np.copysign(1 - series * np.exp(-v * v), real(x)))


def _by_tanh(x: RealArray) -> Float64Array:
    v = real(x)
    return real(np.tanh(2 / np.sqrt(np.pi) * (v + 0.08943 * v**3)))


MUTANTS = (
    Mutant(
        "an absolute error of 1.5e-7, too much near zero",
        "erf",
        ("ERF-S1",),
        _handbook,
        seen_in="Abramowitz and Stegun 7.1.26",
    ),
    Mutant("approximated by tanh", "erf", ("ERF-S1",), _by_tanh),
    Mutant("held in float16", "erf", ("ERF-S1",), to_float16(ops.erf)),
)
