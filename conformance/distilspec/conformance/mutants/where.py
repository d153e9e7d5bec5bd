"""Wrong ways to carry out ``where``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, BoolArray


def _swapped(condition: BoolArray, a: Array, b: Array) -> Array:
    return ops.where(condition, b, a)


def _blend(condition: BoolArray, a: Array, b: Array) -> Array:
    weight = condition.astype(a.dtype)
    return np.asarray(a * weight + b * (1 - weight), a.dtype)


def _through_float32(condition: BoolArray, a: Array, b: Array) -> Array:
    return ops.where(condition, a.astype(np.float32), b.astype(np.float32)).astype(a.dtype)


MUTANTS = (
    Mutant("the choices are swapped", "where", ("WHERE-S1",), _swapped),
    Mutant("what is not taken is multiplied by zero, which NaN survives", "where", ("WHERE-S1",), _blend),
    Mutant("integers pass through float32", "where", ("WHERE-S1",), _through_float32),
)
