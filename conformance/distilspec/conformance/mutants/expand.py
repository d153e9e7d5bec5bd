"""Wrong ways to carry out ``expand``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Array


def _shape_as_it_stands(x: Array, *, shape: tuple[int, ...]) -> Array:
    return np.resize(x, shape)


def _first_copy_only(x: Array, *, shape: tuple[int, ...]) -> Array:
    y = ops.expand(x, shape=shape)
    written = np.zeros(y.shape, np.bool_)
    padded = (1,) * (y.ndim - x.ndim) + x.shape
    written[
        tuple(slice(None) if size == whole else slice(0, 1) for size, whole in zip(padded, y.shape, strict=True))
    ] = True
    return np.where(written, y, np.zeros((), y.dtype))


def _new_axes_last(x: Array, *, shape: tuple[int, ...]) -> Array:
    y = ops.expand(x, shape=shape)
    return np.broadcast_to(x.reshape(x.shape + (1,) * (y.ndim - x.ndim)), y.shape)


MUTANTS = (
    Mutant("a 1 in shape shrinks the axis", "expand", ("EXPD-S1",), _shape_as_it_stands),
    Mutant("the copies after the first are left at zero", "expand", ("EXPD-S2",), _first_copy_only),
    Mutant("new axes are added at the end", "expand", ("EXPD-S2",), _new_axes_last),
)
