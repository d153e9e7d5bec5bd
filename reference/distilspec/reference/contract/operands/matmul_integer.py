"""What ``matmul_integer`` accepts."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect, expect_broadcast, expect_dtype, expect_rank
from distilspec.reference.contract.errors import RangeError, ShapeError
from distilspec.reference.contract.types import Array

#: The most products of two centred codes, at most 255 * 255 each, whose sum fits in int32 whatever the codes are.
LONGEST_SUM = (2**31 - 1) // (255 * 255)


def expect_matmul_integer(a: Array, b: Array, a_zero_point: Array | None, b_zero_point: Array | None) -> None:
    """Raise unless MMI-C1 to MMI-C4 hold."""
    operator = "matmul_integer"
    for name, codes, zero_point in (("a", a, a_zero_point), ("b", b, b_zero_point)):
        expect_dtype(operator, name, codes, ("uint8", "int8"), why="codes have 8 bits", clause="MMI-C1")
        if zero_point is not None:
            dtype, why = (str(codes.dtype),), f"{name} has it"
            expect_dtype(operator, f"{name}_zero_point", zero_point, dtype, why=why, clause="MMI-C1")
    expect_rank(operator, "a", a, 1, why="its last axis is summed", clause="MMI-C2")
    expect_rank(operator, "b", b, 2, why="its second last axis is summed", clause="MMI-C2")
    pairs = zip(reversed(a.shape[:-2]), reversed(b.shape[:-2]), strict=False)
    expect(
        a.shape[-1] == b.shape[-2] and all(one == other or 1 in (one, other) for one, other in pairs),
        ShapeError,
        operator,
        seen=f"b has shape {b.shape}",
        expected=f"(..., {a.shape[-1]}, any) with leading axes that broadcast",
        why=f"a has shape {a.shape}",
        clause="MMI-C2",
    )
    expect_inner(a.shape[-1])
    if a_zero_point is not None:
        expect_broadcast(operator, "a_zero_point", a_zero_point, (*a.shape[:-1], 1), clause="MMI-C3")
    if b_zero_point is not None:
        columns = (*b.shape[:-2], 1, b.shape[-1])
        expect_broadcast(operator, "b_zero_point", b_zero_point, columns, clause="MMI-C3")


def expect_inner(inner: int) -> None:
    """Raise unless MMI-C4 holds for a sum of so many products."""
    expect(
        inner <= LONGEST_SUM,
        RangeError,
        "matmul_integer",
        seen=f"inner is {inner}",
        expected=f"at most {LONGEST_SUM}",
        why="a longer sum can leave int32",
        clause="MMI-C4",
    )
