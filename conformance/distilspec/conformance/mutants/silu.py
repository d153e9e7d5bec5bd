"""Wrong ways to carry out ``silu``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _hard(x: RealArray) -> Float64Array:
    v = real(x)
    return np.where(v == -np.inf, 0.0, v * np.clip(v / 6 + 0.5, 0.0, 1.0))


def _quick_gelu(x: RealArray) -> Float64Array:
    return ops.silu(1.702 * real(x)) / 1.702


def _zero_times_infinity(x: RealArray) -> Float64Array:
    return real(x) * ops.sigmoid(x)


MUTANTS = (
    Mutant("piecewise, as hard swish is", "silu", ("SILU-S1",), _hard),
    Mutant("x sigmoid(1.702 x), the quick GELU", "silu", ("SILU-S1",), _quick_gelu),
    Mutant("-infinity gives NaN", "silu", ("SILU-S2",), _zero_times_infinity),
)
