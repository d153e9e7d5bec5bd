"""Wrong ways to carry out ``concat``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference.contract.types import Array


def _reversed(*tensors: Array, axis: int) -> Array:
    return np.concatenate(tensors[::-1], axis=axis)


def _by_position_in_memory(*tensors: Array, axis: int) -> Array:
    y = np.concatenate(tensors, axis=axis)
    return np.concatenate([tensor.ravel() for tensor in tensors]).reshape(y.shape)


MUTANTS = (
    Mutant("the last tensor comes first", "concat", ("CAT-S1",), _reversed),
    Mutant("tensors are copied one after the other, whatever the axis", "concat", ("CAT-S1",), _by_position_in_memory),
)
