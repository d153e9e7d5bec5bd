"""``matmul_integer``: exact product of two matrices of 8-bit codes."""

from __future__ import annotations

import numpy as np

from distilspec.fast.operators.products import code_product
from distilspec.reference.contract.operands.matmul_integer import expect_matmul_integer
from distilspec.reference.contract.types import Array, CodeArray, Int8Array, Int32Array

#: The most products of a centred code and a weight whose sum is exact in float32.
EXACT_SUM = 2**24 // (255 * 128)


def matmul_integer(
    a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
) -> Int32Array:
    """
    Return the operator ``matmul_integer``, exact.

    The kernel of ``quantized_linear`` gives float32, so sums are made in parts that it holds exactly. A column of ones
    beside those of b gives what its zero points multiply; uint8 codes of b and their zero points are less 128.
    """
    expect_matmul_integer(a, b, a_zero_point, b_zero_point)
    rows = np.atleast_2d(a)
    leading = np.broadcast_shapes(rows.shape[:-2], b.shape[:-2])
    shift = 128 if b.dtype == np.uint8 else 0
    weights = (b.astype(np.int32) - shift).astype(np.int8)
    zero = np.zeros((), np.int32) if b_zero_point is None else b_zero_point.astype(np.int32)
    zero_rows = np.zeros((), a.dtype) if a_zero_point is None else a_zero_point
    zero_rows = np.broadcast_to(zero_rows, (*leading, rows.shape[-2], 1))
    zero = np.broadcast_to(zero - shift, (*leading, 1, b.shape[-1]))
    rows = np.broadcast_to(rows, (*leading, *rows.shape[-2:]))
    weights = np.broadcast_to(weights, (*leading, *weights.shape[-2:]))
    y = np.empty((*leading, rows.shape[-2], b.shape[-1]), np.int32)
    for at in np.ndindex(leading):
        y[at] = _product(rows[at], weights[at], zero_rows[at], zero[at])
    return y[..., 0, :] if a.ndim == 1 else y


def _product(a: Array, b: Int8Array, a_zero_point: Array, b_zero_point: Array) -> Array:
    total = np.zeros((len(a), b.shape[1] + 1), np.int64)
    one = np.ones((), np.float32)
    for start in range(0, len(b), EXACT_SUM):
        part = b[start : start + EXACT_SUM]
        weight = np.concatenate([part.T, np.ones((1, len(part)), np.int8)])
        x = a[:, start : start + EXACT_SUM]
        total += code_product(x, one, a_zero_point, weight, np.ones(len(weight), np.float32), None).astype(np.int64)
    return np.asarray(total[:, :-1] - b_zero_point * total[:, -1:])
