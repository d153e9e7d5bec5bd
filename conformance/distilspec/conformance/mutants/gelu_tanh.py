"""Wrong ways to carry out ``gelu_tanh``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _argument(v: Float64Array) -> Float64Array:
    return np.asarray(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3))


def _cube_forgotten(x: RealArray) -> Float64Array:
    v = real(x)
    return np.where(np.isneginf(v), 0.0, v * (1 + np.tanh(np.sqrt(2 / np.pi) * v)) / 2)


def _cubed_constant(x: RealArray) -> Float64Array:
    v = real(x)
    return np.where(np.isneginf(v), 0.0, v * (1 + np.tanh(np.sqrt(2 / np.pi) * (v + (0.044715 * v) ** 3))) / 2)


def _short_constant(x: RealArray) -> Float64Array:
    v = real(x)
    return np.where(np.isneginf(v), 0.0, v * ops.sigmoid(2 * np.sqrt(2 / np.pi) * (v + 0.0447 * v**3)))


def _half_forgotten(x: RealArray) -> Float64Array:
    return 2 * ops.gelu_tanh(x)


def _sigmoid_of_u(x: RealArray) -> Float64Array:
    v = real(x)
    return np.where(np.isneginf(v), 0.0, v * ops.sigmoid(_argument(v)))


def _zero_times_infinity(x: RealArray) -> Float64Array:
    v = real(x)
    return np.asarray(v * (1 + np.tanh(_argument(v))) / 2)


MUTANTS = (
    Mutant("the erf form", "gelu_tanh", ("GELUT-S1", "GELUT-S2"), ops.gelu, seen_in="gelu for gelu_new"),
    Mutant("the cube is forgotten", "gelu_tanh", ("GELUT-S1",), _cube_forgotten),
    Mutant("the constant is cubed too", "gelu_tanh", ("GELUT-S1",), _cubed_constant),
    Mutant("the constant is 0.0447", "gelu_tanh", ("GELUT-S1",), _short_constant),
    Mutant("the half is forgotten", "gelu_tanh", ("GELUT-S2",), _half_forgotten),
    Mutant("sigmoid(u) in place of sigmoid(2 u)", "gelu_tanh", ("GELUT-S2",), _sigmoid_of_u),
    Mutant("-infinity gives NaN", "gelu_tanh", ("GELUT-S3",), _zero_times_infinity),
)
