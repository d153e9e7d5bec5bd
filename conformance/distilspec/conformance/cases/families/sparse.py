"""Weights in which whole blocks are zero."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.draw import Draw
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, BoolArray

#: Blocks (out, in): the patterns of pruned encoders, single elements, whole columns and rows of a block row.
BLOCK_SHAPES = ((4, 1), (4, 4), (16, 4), (1, 1), (3, 2), (1, 8), (8, 1), (2, 16))


class Pattern(NamedTuple):
    """Which blocks are stored, by a name: bool [block rows, block columns]."""

    name: str
    aim: str
    stored: BoolArray


def patterns(draw: Draw) -> Iterator[Pattern]:
    """Yield patterns of 5 block rows and 6 block columns: full, empty and everything between."""
    full = np.ones((5, 6), np.bool_)
    yield Pattern("full", "every block is stored", full)
    yield Pattern("empty", "no block is stored", ~full)
    some = draw.units(5, 6) < 0.4
    yield Pattern("some", "a block in four of ten places", some)
    for name, row in (("first", 0), ("middle", 2), ("last", 4)):
        without = some.copy()
        without[row] = False
        without[(row + 1) % 5] |= True
        yield Pattern(f"{name}-row-empty", "an empty block row beside a full one", without)
    rows_empty = some.copy()
    rows_empty[1:4] = False
    yield Pattern("rows-empty", "several empty block rows in a row", rows_empty)
    for name, column in (("first", 0), ("last", 5)):
        only = np.zeros((5, 6), np.bool_)
        only[:, column] = True
        yield Pattern(f"{name}-column", "one block in each block row, at an end", only)
    one = np.zeros((5, 6), np.bool_)
    one[3, 4] = True
    yield Pattern("one-block", "a single block", one)
    yield Pattern("diagonal", "one block in each block row, each in another place", np.eye(5, 6, dtype=np.bool_))


def packed(dense: Array, stored: BoolArray, block_shape: tuple[int, int], index: Any = np.int32) -> dict[str, Array]:
    """Return ``data``, ``indices`` and ``indptr`` of a matrix without zeros, in which only some blocks are kept."""
    kept = np.where(np.kron(stored, np.ones(block_shape, np.bool_)), dense, dense.dtype.type(0))
    packed = ops.pack_block_sparse(kept, block_shape=block_shape)
    return {"data": packed.data, "indices": packed.indices.astype(index), "indptr": packed.indptr.astype(index)}


def not_zero(codes: Array) -> Array:
    """Return codes with 1 in place of 0, so that a stored block is one that is not zero."""
    return np.where(codes == 0, codes.dtype.type(1), codes)


def stored_blocks(draw: st.DrawFn) -> tuple[BoolArray, tuple[int, int]]:
    """Draw which blocks are stored, and their shape."""
    rows, columns = values.whole(draw, 1, 4), values.whole(draw, 1, 5)
    return values.masks(draw, (rows, columns)), values.choice(draw, BLOCK_SHAPES)
