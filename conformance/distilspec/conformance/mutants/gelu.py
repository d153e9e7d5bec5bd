"""Wrong ways to carry out ``gelu``."""

from __future__ import annotations

import numpy as np
from scipy import special

from distilspec.conformance.mutants.arithmetic import float16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _quick(x: RealArray) -> Float64Array:
    return ops.silu(1.702 * real(x)) / 1.702


def _root_forgotten(x: RealArray) -> Float64Array:
    return np.where(np.isneginf(x), 0.0, real(x) * (1 + special.erf(real(x))) / 2)


def _cancelling(x: RealArray) -> Float64Array:
    erf = float16(special.erf(real(x) / np.sqrt(2)))
    return np.where(np.isneginf(x), 0.0, real(x) * float16(1 + erf) / 2)


def _zero_times_infinity(x: RealArray) -> Float64Array:
    return real(x) * special.ndtr(real(x))


MUTANTS = (
    Mutant("the tanh form", "gelu", ("GELU-S1",), ops.gelu_tanh, seen_in="gelu_new and gelu_pytorch_tanh for gelu"),
    Mutant("x sigmoid(1.702 x)", "gelu", ("GELU-S1",), _quick, seen_in="quick_gelu for gelu"),
    Mutant("the argument of erf is not divided by sqrt(2)", "gelu", ("GELU-S1",), _root_forgotten),
    Mutant("1 + erf cancels in float16", "gelu", ("GELU-S1",), _cancelling),
    Mutant("-infinity gives NaN", "gelu", ("GELU-S2",), _zero_times_infinity),
)
