"""``matmul_integer``: exact product of two matrices of 8-bit codes."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.operands.matmul_integer import expect_matmul_integer
from distilspec.reference.contract.types import CodeArray, Float64Array, Int32Array


def matmul_integer(
    a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
) -> Int32Array:
    """
    Subtract the zero points and multiply as integers.

    MMI-C1  a and b are uint8 or int8, each by itself; a zero point has the dtype of its operand
    MMI-C2  a is [..., inner] and b [..., inner, columns]; the axes before the last two broadcast
    MMI-C3  a_zero_point broadcasts to a with a last axis of 1, b_zero_point to b with a second last axis of 1
    MMI-C4  inner <= 33025, so that no sum of products can leave int32
    MMI-S1  y[..., m, n] = sum over k of (a[..., m, k] - a_zero_point) * (b[..., k, n] - b_zero_point)
            (exact integers; int32)
    MMI-S2  a zero point that is absent is 0

    Parameters
    ----------
    a : uint8 or int8 [..., rows, inner] or [inner]
    b : uint8 or int8 [..., inner, columns]
    a_zero_point : dtype of a, optional; a scalar, or one per row as [..., rows, 1]
    b_zero_point : dtype of b, optional; a scalar, or one per column as [columns]

    Returns
    -------
    int32 [..., rows, columns]
        Fresh memory.

    Raises
    ------
    DTypeError
        MMI-C1.
    ShapeError
        MMI-C2, MMI-C3.
    RangeError
        MMI-C4.

    Accuracy
    --------
    Exact, in any order. Saturation of a 16-bit intermediate is a departure.

    Special values
    --------------
    inner = 0 gives zeros.

    Source
    ------
    ONNX MatMulInteger. microsoft/onnxruntime#6004 and pytorch/pytorch#44939 show what 16-bit saturation does to BERT.

    Examples
    --------
    Two neighbouring products of full-range operands do not fit in 16 bits, and here they must not need to:

    >>> matmul_integer(np.uint8([[255, 255]]), np.int8([[-128], [-128]])).tolist()
    [[-65280]]
    """
    expect_matmul_integer(a, b, a_zero_point, b_zero_point)  # MMI-C1 to MMI-C4
    # float64 adds integers below 2**53 exactly, and every partial sum is below 2**31, so BLAS may add in any order.
    y = _centred(a, a_zero_point) @ _centred(b, b_zero_point)  # MMI-S1
    return y.astype(np.int32)


def _centred(codes: CodeArray, zero_point: CodeArray | None) -> Float64Array:
    return real(codes) if zero_point is None else real(codes) - real(zero_point)  # MMI-S2
