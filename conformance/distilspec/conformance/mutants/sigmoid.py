"""Wrong ways to carry out ``sigmoid``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import to_float16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _hard(x: RealArray) -> Float64Array:
    return np.clip(real(x) / 6 + 0.5, 0.0, 1.0)


def _overflowing(x: RealArray) -> Float64Array:
    e = np.exp(np.float32(x))
    return real(e / (1 + e))


MUTANTS = (
    Mutant("piecewise linear", "sigmoid", ("SIG-S1",), _hard, seen_in="ONNX HardSigmoid with alpha 1/6"),
    Mutant("exp(x) / (1 + exp(x)), NaN where exp overflows", "sigmoid", ("SIG-S1",), _overflowing),
    Mutant("held in float16", "sigmoid", ("SIG-S1",), to_float16(ops.sigmoid)),
)
