"""Wrong ways to carry out ``reshape``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Array


def _columns_first(x: Array, *, shape: tuple[int, ...]) -> Array:
    return np.reshape(x, shape, order="F")


def _rest_is_a_size_of_x(x: Array, *, shape: tuple[int, ...]) -> Array:
    return np.resize(x, [x.shape[axis] if size == -1 else size for axis, size in enumerate(shape)])


def _zero_copies(x: Array, *, shape: tuple[int, ...]) -> Array:
    if 0 not in shape:
        return ops.reshape(x, shape=shape)
    return np.resize(x, [x.shape[axis] if size == 0 else size for axis, size in enumerate(shape)])


MUTANTS = (
    Mutant("the first axis runs fastest", "reshape", ("RESH-S1",), _columns_first),
    Mutant("-1 copies a size of x", "reshape", ("RESH-S2",), _rest_is_a_size_of_x),
    Mutant("0 copies a size of x", "reshape", ("RESH-S3",), _zero_copies, seen_in="ONNX Reshape with allowzero=0"),
)
