"""Checks at the public boundary of an operator; each raises one line with operator, seen, expected, why, clause."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from distilspec.reference.contract.errors import ContractError, DTypeError, RangeError, ShapeError
from distilspec.reference.contract.types import Array


def expect(
    condition: bool,
    error: type[ContractError],
    operator: str,
    *,
    seen: str,
    expected: str,
    why: str,
    clause: str,
) -> None:
    """Raise ``error`` with one complete line unless ``condition`` holds."""
    if not condition:
        raise error(f"{operator}: {seen}; expected {expected} because {why} [{clause}]")


def expect_shape(
    operator: str, name: str, array: Array, expected: Sequence[int | None], *, why: str, clause: str
) -> None:
    """Raise ``ShapeError`` unless ``array`` has exactly the shape ``expected``; ``None`` accepts any size."""
    fits = array.ndim == len(expected) and all(
        want is None or size == want for size, want in zip(array.shape, expected, strict=True)
    )
    shown = "(" + ", ".join("any" if want is None else str(want) for want in expected) + ")"
    expect(fits, ShapeError, operator, seen=f"{name} has shape {array.shape}", expected=shown, why=why, clause=clause)


def expect_dtype(operator: str, name: str, array: Array, expected: Sequence[str], *, why: str, clause: str) -> None:
    """Raise ``DTypeError`` unless the element type of ``array`` is one of ``expected``."""
    expect(
        str(array.dtype) in expected,
        DTypeError,
        operator,
        seen=f"{name} has dtype {array.dtype}",
        expected=" or ".join(expected),
        why=why,
        clause=clause,
    )


def expect_float(operator: str, clause: str, **arrays: Array | None) -> None:
    """Raise ``DTypeError`` unless every given array is float32 or float64; ``None`` stands for an absent operand."""
    for name, array in arrays.items():
        if array is not None:
            expect_dtype(
                operator,
                name,
                array,
                ("float32", "float64"),
                why="the operator is defined on real numbers",
                clause=clause,
            )


def expect_indices(operator: str, name: str, indices: Array, size: int, *, clause: str) -> None:
    """Raise ``RangeError`` unless every element of ``indices`` lies in [0, size)."""
    outside = np.flatnonzero((indices < 0) | (indices >= size))
    expect(
        outside.size == 0,
        RangeError,
        operator,
        seen=f"{name} holds {indices.ravel()[outside[0]] if outside.size else ''}",
        expected=f"0 to {size - 1}",
        why=f"the table has {size} rows",
        clause=clause,
    )


def expect_broadcast(operator: str, name: str, operand: Array, shape: tuple[int, ...], *, clause: str) -> None:
    """Raise ``ShapeError`` unless ``operand`` broadcasts to ``shape`` without enlarging it."""
    padded = (1,) * (len(shape) - operand.ndim) + operand.shape
    expect(
        len(padded) == len(shape) and all(size in (1, want) for size, want in zip(padded, shape, strict=True)),
        ShapeError,
        operator,
        seen=f"{name} has shape {operand.shape}",
        expected=f"a shape that broadcasts to {shape}",
        why="it must not enlarge the operand that it applies to",
        clause=clause,
    )


def expect_scale(operator: str, name: str, scale: Array, *, clause: str) -> None:
    """Raise ``DTypeError`` or ``RangeError`` unless every scale is a finite positive float32."""
    expect_dtype(operator, name, scale, ("float32",), why="scales are float32", clause=clause)
    bad = scale[~(np.isfinite(scale) & (scale > 0))]
    expect(
        bad.size == 0,
        RangeError,
        operator,
        seen=f"{name} holds {bad.ravel()[0] if bad.size else ''}",
        expected="finite positive values",
        why="codes are divided by the scale",
        clause=clause,
    )
