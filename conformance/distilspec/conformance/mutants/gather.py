"""Wrong ways to carry out ``gather``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Array


def _first_axis(x: Array, indices: Array, *, axis: int = 0) -> Array:
    y = ops.gather(x, indices, axis=axis)
    return np.resize(np.take(x, indices, axis=0, mode="clip"), y.shape)


def _indices_in_front(x: Array, indices: Array, *, axis: int = 0) -> Array:
    y = np.moveaxis(x, axis, 0)[indices]
    return np.reshape(y, ops.gather(x, indices, axis=axis).shape)


def _off_by_one(x: Array, indices: Array, *, axis: int = 0) -> Array:
    return np.take(x, indices - 1, axis=axis, mode="wrap")


def _clipped(x: Array, indices: Array, *, axis: int = 0) -> Array:
    return np.take(x, indices, axis=axis, mode="clip")


def _last_for_negative(x: Array, indices: Array, *, axis: int = 0) -> Array:
    return np.take(x, np.maximum(indices, -1), axis=axis)


MUTANTS = (
    Mutant("the first axis, whatever the axis", "gather", ("GATH-S1",), _first_axis),
    Mutant("the axes of the indices come first", "gather", ("GATH-S1",), _indices_in_front),
    Mutant("indices count from 1", "gather", ("GATH-S1",), _off_by_one),
    Mutant("negative indices are clipped to 0", "gather", ("GATH-S2",), _clipped, seen_in="numpy.take(mode='clip')"),
    Mutant("every negative index is the last", "gather", ("GATH-S2",), _last_for_negative),
)
