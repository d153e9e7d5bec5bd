"""Wrong ways to carry out ``transpose``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference.contract.types import Array


def _inverse(x: Array, *, axes: tuple[int, ...]) -> Array:
    return np.transpose(x, np.argsort(axes))


def _reversed(x: Array, *, axes: tuple[int, ...]) -> Array:
    return np.transpose(x, range(len(axes))[::-1])


def _shape_only(x: Array, *, axes: tuple[int, ...]) -> Array:
    return np.reshape(x, [x.shape[axis] for axis in axes])


MUTANTS = (
    Mutant("the inverse permutation", "transpose", ("TRAN-S1",), _inverse),
    Mutant("the order of the axes is always reversed", "transpose", ("TRAN-S1",), _reversed),
    Mutant("the shape is changed and the elements stay", "transpose", ("TRAN-S1",), _shape_only),
)
