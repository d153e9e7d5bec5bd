"""Wrong ways to carry out ``matmul``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import bfloat16, to_float16
from distilspec.conformance.mutants.linear import whole_vectors
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Float64Array, RealArray


def _tail_dropped(a: RealArray, b: RealArray) -> Float64Array:
    covered = whole_vectors(a.shape[-1])
    return ops.matmul(a[..., :covered], b[..., :covered, :])


def _bfloat16(a: RealArray, b: RealArray) -> Float64Array:
    return ops.matmul(bfloat16(a), bfloat16(b))


def _layout(a: RealArray, b: RealArray) -> Float64Array:
    return ops.matmul(a, b.swapaxes(-1, -2).reshape(b.shape))


def _not_repeated(a: RealArray, b: RealArray) -> Float64Array:
    y = ops.matmul(a, b)
    matrices = min(np.prod(a.shape[:-2], dtype=int), np.prod(b.shape[:-2], dtype=int))
    stack = y.reshape(-1, *y.shape[-2:]).copy()
    stack[matrices:] = 0
    return stack.reshape(y.shape)


def _first_matrix_only(a: RealArray, b: RealArray) -> Float64Array:
    y = ops.matmul(a, b[(0,) * (b.ndim - 2)])
    return np.broadcast_to(y, ops.matmul(a, b).shape)


MUTANTS = (
    Mutant("the tail beyond a multiple of 16 terms is dropped", "matmul", ("MM-S1",), _tail_dropped),
    Mutant("the operands are rounded to bfloat16", "matmul", ("MM-S1",), _bfloat16),
    Mutant("the result is held in float16", "matmul", ("MM-S1",), to_float16(ops.matmul)),
    Mutant("b is read as if it were transposed", "matmul", ("MM-S1",), _layout),
    Mutant("an operand with fewer matrices is not repeated", "matmul", ("MM-S2",), _not_repeated),
    Mutant("the first matrix of b serves for all", "matmul", ("MM-S2",), _first_matrix_only),
)
