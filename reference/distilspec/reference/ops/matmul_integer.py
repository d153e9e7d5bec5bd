"""``matmul_integer``: exact product of two matrices of 8-bit codes."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect, expect_broadcast, expect_dtype, expect_rank
from distilspec.reference.contract.errors import RangeError, ShapeError
from distilspec.reference.contract.types import CodeArray, Float64Array, Int32Array

#: The most products of two centred codes, at most 255 * 255 each, whose sum fits in int32 whatever the codes are.
LONGEST_SUM = (2**31 - 1) // (255 * 255)


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
    for name, operand, zero_point in (("a", a, a_zero_point), ("b", b, b_zero_point)):
        expect_dtype("matmul_integer", name, operand, ("uint8", "int8"), why="codes have 8 bits", clause="MMI-C1")
        if zero_point is not None:
            expect_dtype(
                "matmul_integer",
                f"{name}_zero_point",
                zero_point,
                (str(operand.dtype),),
                why=f"{name} has it",
                clause="MMI-C1",
            )
    expect_rank("matmul_integer", "a", a, 1, why="its last axis is summed", clause="MMI-C2")
    expect_rank("matmul_integer", "b", b, 2, why="its second last axis is summed", clause="MMI-C2")
    pairs = zip(reversed(a.shape[:-2]), reversed(b.shape[:-2]), strict=False)
    expect(
        a.shape[-1] == b.shape[-2] and all(one == other or 1 in (one, other) for one, other in pairs),
        ShapeError,
        "matmul_integer",
        seen=f"b has shape {b.shape}",
        expected=f"(..., {a.shape[-1]}, any) with leading axes that broadcast",
        why=f"a has shape {a.shape}",
        clause="MMI-C2",
    )
    expect(
        a.shape[-1] <= LONGEST_SUM,
        RangeError,
        "matmul_integer",
        seen=f"inner is {a.shape[-1]}",
        expected=f"at most {LONGEST_SUM}",
        why="a longer sum can leave int32",
        clause="MMI-C4",
    )
    if a_zero_point is not None:
        expect_broadcast("matmul_integer", "a_zero_point", a_zero_point, (*a.shape[:-1], 1), clause="MMI-C3")
    if b_zero_point is not None:
        rows = (*b.shape[:-2], 1, b.shape[-1])
        expect_broadcast("matmul_integer", "b_zero_point", b_zero_point, rows, clause="MMI-C3")
    # float64 adds integers below 2**53 exactly, and every partial sum is below 2**31, so BLAS may add in any order.
    y = _centred(a, a_zero_point) @ _centred(b, b_zero_point)  # MMI-S1
    return y.astype(np.int32)


def _centred(codes: CodeArray, zero_point: CodeArray | None) -> Float64Array:
    return real(codes) if zero_point is None else real(codes) - real(zero_point)  # MMI-S2
