"""Wrong ways to carry out ``slice``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Array


def _negative_is_zero(x: Array, *, axis: int, start: int, stop: int | None, step: int = 1) -> Array:
    last = stop if stop is None else max(stop, 0)
    return ops.slice(x, axis=axis, start=max(start, 0), stop=last, step=step)


def _open_end_left_out(x: Array, *, axis: int, start: int, stop: int | None, step: int = 1) -> Array:
    last = (x.shape[axis] - 1 if step > 0 else 0) if stop is None else stop
    return ops.slice(x, axis=axis, start=start, stop=last, step=step)


def _stop_included(x: Array, *, axis: int, start: int, stop: int | None, step: int = 1) -> Array:
    if stop is None or step < 0:
        return ops.slice(x, axis=axis, start=start, stop=stop, step=step)
    size = x.shape[axis]
    return np.take(x, range(start % (size + 1), min(stop % (size + 1) + 1, size), step), axis=axis)


def _step_ignored(x: Array, *, axis: int, start: int, stop: int | None, step: int = 1) -> Array:
    return ops.slice(x, axis=axis, start=start, stop=stop, step=1 if step > 0 else -1)


MUTANTS = (
    Mutant("negative positions are taken for 0", "slice", ("SLC-S1",), _negative_is_zero),
    Mutant("an open end leaves out the last element", "slice", ("SLC-S1",), _open_end_left_out),
    Mutant("the element at stop is included", "slice", ("SLC-S2",), _stop_included),
    Mutant("the step is ignored", "slice", ("SLC-S2",), _step_ignored),
)
