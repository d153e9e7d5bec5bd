"""Wrong ways to carry out ``negate``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import to_float16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _copy(x: RealArray) -> Float64Array:
    return real(x)


def _sign_set(x: RealArray) -> Float64Array:
    return -np.abs(real(x))


MUTANTS = (
    Mutant("the sign is left as it is", "negate", ("NEG-S1",), _copy),
    Mutant("the sign bit is set, not flipped", "negate", ("NEG-S1",), _sign_set),
    Mutant("held in float16", "negate", ("NEG-S1",), to_float16(ops.negate)),
)
