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


def expect_rank(operator: str, name: str, array: Array, least: int, *, why: str, clause: str) -> None:
    """Raise ``ShapeError`` unless ``array`` has at least ``least`` axes."""
    expect(
        array.ndim >= least,
        ShapeError,
        operator,
        seen=f"{name} has shape {array.shape}",
        expected=f"at least {least} {'axis' if least == 1 else 'axes'}",
        why=why,
        clause=clause,
    )


def expect_axis(operator: str, name: str, array: Array, axis: int, *, clause: str) -> None:
    """Raise ``RangeError`` unless ``axis`` is an axis of ``array``; negative ones count from the last."""
    expect(
        -array.ndim <= axis < array.ndim,
        RangeError,
        operator,
        seen=f"axis is {axis}",
        expected=f"{-array.ndim} to {array.ndim - 1}" if array.ndim else "an operand with axes",
        why=f"{name} has shape {array.shape}",
        clause=clause,
    )


def expect_dtype(operator: str, name: str, array: Array, expected: Sequence[str], *, why: str, clause: str) -> None:
    """Raise ``DTypeError`` unless the element type of ``array`` is one of ``expected``."""
    dtype = str(array.dtype)
    expect(
        dtype in expected,
        DTypeError,
        operator,
        seen=f"{name} has dtype {dtype}",
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


def expect_indices(operator: str, name: str, indices: Array, size: int, *, lowest: int = 0, clause: str) -> None:
    """Raise ``RangeError`` unless every element of ``indices`` lies in [lowest, size)."""
    outside = np.flatnonzero((indices < lowest) | (indices >= size))
    expect(
        outside.size == 0,
        RangeError,
        operator,
        seen=f"{name} holds {indices.ravel()[outside[0]] if outside.size else ''}",
        expected=f"{lowest} to {size - 1}",
        why=f"the axis has size {size}",
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


def expect_elements(operator: str, name: str, array: Array, *, why: str, clause: str) -> None:
    """Raise ``ShapeError`` unless ``array`` has at least one element."""
    expect(
        array.size > 0,
        ShapeError,
        operator,
        seen=f"{name} has shape {array.shape}",
        expected="at least one element",
        why=why,
        clause=clause,
    )


def expect_finite(operator: str, name: str, array: Array, *, why: str, clause: str) -> None:
    """Raise ``RangeError`` unless every element of a floating-point ``array`` is finite."""
    bad = np.flatnonzero(~np.isfinite(array))
    expect(
        bad.size == 0,
        RangeError,
        operator,
        seen=f"{name} holds {array.ravel()[bad[0]] if bad.size else ''}",
        expected="finite float32 values",
        why=why,
        clause=clause,
    )


def expect_block_shape(operator: str, weight: Array, block_shape: tuple[int, int], *, clause: str) -> None:
    """Raise ``ShapeError`` unless ``weight`` is a matrix that whole blocks of ``block_shape`` = (out, in) cover."""
    fits = (
        weight.ndim == 2
        and len(block_shape) == 2
        and all(block > 0 and size % block == 0 for size, block in zip(weight.shape, block_shape, strict=True))
    )
    expect(
        fits,
        ShapeError,
        operator,
        seen=f"weight has shape {weight.shape} and block_shape is {block_shape}",
        expected="positive block dimensions that divide the two dimensions of the weight",
        why="every weight belongs to one whole block",
        clause=clause,
    )


def expect_block_sparse(
    operator: str, data: Array, indices: Array, indptr: Array, in_features: int, *, layout: str, structure: str
) -> None:
    """
    Raise unless the arrays are a canonical BSR matrix with ``in_features`` columns.

    ``layout`` is the clause on shapes and dtypes, ``structure`` the clause on the values of ``indices`` and ``indptr``.
    """
    for name, array in (("indices", indices), ("indptr", indptr)):
        expect_dtype(operator, name, array, ("int32", "int64"), why="it counts blocks", clause=layout)
    expect_shape(operator, "data", data, (None, None, None), why="it holds blocks of rows of columns", clause=layout)
    expect_shape(operator, "indices", indices, data.shape[:1], why=f"data has shape {data.shape}", clause=layout)
    expect_shape(operator, "indptr", indptr, (None,), why="it has one end a block row after a first 0", clause=layout)
    expect(
        0 not in data.shape[1:] and in_features >= 0 and in_features % data.shape[2] == 0,
        ShapeError,
        operator,
        seen=f"data has shape {data.shape}",
        expected=f"blocks that are not empty and whose columns divide {in_features}",
        why=f"in_features = {in_features}",
        clause=layout,
    )
    rises = indptr.size > 0 and indptr[0] == 0 and indptr[-1] == len(data) and bool((indptr[1:] >= indptr[:-1]).all())
    expect(
        rises,
        RangeError,
        operator,
        seen="" if rises else f"indptr is {np.array2string(indptr, threshold=8).replace(chr(10), '')}",
        expected=f"values that rise from 0 to {len(data)}",
        why=f"they cut the {len(data)} blocks into block rows",
        clause=structure,
    )
    columns = in_features // data.shape[2]
    outside = indices[(indices < 0) | (indices >= columns)]
    expect(
        outside.size == 0,
        RangeError,
        operator,
        seen=f"indices holds {outside[0] if outside.size else ''}",
        expected=f"0 to {columns - 1}",
        why=f"in_features = {in_features} is {columns} block columns",
        clause=structure,
    )
    starts_row = np.zeros(len(indices) + 1, np.bool_)
    starts_row[indptr] = True
    falls = np.flatnonzero((indices[1:] <= indices[:-1]) & ~starts_row[1:-1])
    expect(
        falls.size == 0,
        RangeError,
        operator,
        seen=f"indices holds {indices[falls[0]]} before {indices[falls[0] + 1]} in a block row" if falls.size else "",
        expected="indices that rise within a block row",
        why="a block is stored once",
        clause=structure,
    )


def expect_alike(operator: str, expected: Sequence[str], *, clause: str, **arrays: Array) -> None:
    """Raise ``DTypeError`` unless all element types are in ``expected`` and equal, or all are floating point."""
    for name, array in arrays.items():
        expect_dtype(operator, name, array, expected, why="the operator is defined on no other type", clause=clause)
    kinds = {"float" if array.dtype.kind == "f" else str(array.dtype) for array in arrays.values()}
    expect(
        len(kinds) == 1,
        DTypeError,
        operator,
        seen=" and ".join(f"{name} has dtype {array.dtype}" for name, array in arrays.items()),
        expected="floats, or one dtype",
        why="different kinds have no common element type",
        clause=clause,
    )


def expect_broadcastable(operator: str, *, clause: str, **shapes: Sequence[int]) -> None:
    """Raise ``ShapeError`` unless the shapes, aligned from the last axis, differ only where a size is 1."""
    rank = max(map(len, shapes.values()))
    columns = zip(*((1,) * (rank - len(shape)) + tuple(shape) for shape in shapes.values()), strict=True)
    expect(
        all(len(set(sizes) - {1}) <= 1 for sizes in columns),
        ShapeError,
        operator,
        seen=" and ".join(f"{name} has shape {tuple(shape)}" for name, shape in shapes.items()),
        expected="equal sizes, or 1",
        why="shapes are aligned from the last axis",
        clause=clause,
    )


def expect_axes(operator: str, axes: Sequence[int], rank: int, *, clause: str) -> None:
    """Raise ``RangeError`` unless ``axes`` holds one or more different axes of ``rank``; negative ones count back."""
    inside = all(-rank <= axis < rank for axis in axes)
    expect(
        len(axes) > 0 and inside and len({axis % rank for axis in axes}) == len(axes),
        RangeError,
        operator,
        seen=f"axes are {tuple(axes)}",
        expected="one or more different axes",
        why=f"the rank is {rank}",
        clause=clause,
    )
