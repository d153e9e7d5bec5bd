"""How tensors lie in memory for the kernels: tokens in tiles, features side by side, weights in panels or blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.block_sparse import AHEAD, ROWS, row_bytes, token_order

Array = NDArray[Any]


def padded(size: int, step: int) -> int:
    """Return the smallest multiple of ``step`` that is at least ``size``."""
    return -(-size // step) * step


def code_type(target: Target) -> np.dtype[Any]:
    """Return the type of an activation code."""
    wide = np.int16 if target.dot == 2 else np.int8 if target.signed_codes else np.uint8
    return np.dtype(wide)


def weight_type(target: Target) -> np.dtype[Any]:
    """Return the type of a weight code."""
    return np.dtype(np.int16 if target.dot == 2 else np.int8)


def tiled_factors(codes: Array, target: Target) -> Array:
    """Return codes [tokens, K] as ``dense`` reads them: [tile, K / dot, tile tokens, dot], padded with zeros."""
    tokens, features = codes.shape
    held = np.zeros((padded(tokens, target.tile), padded(features, target.dot)), code_type(target))
    held[:tokens, :features] = codes
    tiles = held.reshape(-1, target.tile, held.shape[1] // target.dot, target.dot)
    return np.ascontiguousarray(tiles.transpose(0, 2, 1, 3))


def tiled_rows(codes: Array, target: Target) -> Array:
    """Return codes [tokens, K] as ``block_sparse`` reads them: [tile, K, tile tokens in ``token_order``]."""
    tokens, features = codes.shape
    held = np.zeros((padded(tokens, target.tile), features), code_type(target))
    held[:tokens] = codes
    tiles = held.reshape(-1, target.tile, features).transpose(0, 2, 1)
    return np.ascontiguousarray(tiles[:, :, token_order(target)])


def untiled(tiles: Array, tokens: int, features: int) -> Array:
    """Return floats [tile, N, tile tokens] as [tokens, features]."""
    return tiles.transpose(0, 2, 1).reshape(-1, tiles.shape[1])[:tokens, :features]


def packed_panels(weight: Array, target: Target) -> Array:
    """Return a weight int8 [N, K] as ``dense`` reads it: [N / panel, K / dot, panel, dot], padded with zeros."""
    rows, columns = weight.shape
    held = np.zeros((padded(rows, target.panel), padded(columns, target.dot)), weight_type(target))
    held[:rows, :columns] = weight
    panels = held.reshape(-1, target.panel, held.shape[1] // target.dot, target.dot)
    return np.ascontiguousarray(panels.transpose(0, 2, 1, 3))


@dataclass(frozen=True)
class PackedBlocks:
    """A block-sparse weight as ``block_sparse`` reads it; its docstring says what the arrays hold."""

    weights: Array
    columns: Array
    starts: Array


def packed_blocks(weight: Array, target: Target) -> PackedBlocks:
    """
    Return a weight int8 [N, K] packed by the columns that four rows have in common.

    A column that is zero in all four rows is left out; padding repeats a column of the group with zero weights.
    """
    rows, columns = weight.shape
    held = np.zeros((padded(rows, ROWS), columns), weight_type(target))
    held[:rows] = weight
    groups, offsets, starts = [], [], [0]
    for four in held.reshape(-1, ROWS, columns):
        used = np.flatnonzero(np.any(four, axis=0))
        filled = np.zeros((ROWS, padded(used.size, target.dot)), held.dtype)
        filled[:, : used.size] = four[:, used]
        groups.append(filled.reshape(ROWS, -1, target.dot).transpose(1, 0, 2))
        offsets.append(np.pad(used, (0, filled.shape[1] - used.size), mode="edge" if used.size else "constant"))
        starts.append(starts[-1] + len(groups[-1]))
    offsets.append(np.zeros(AHEAD * target.dot, np.int64))
    return PackedBlocks(
        np.ascontiguousarray(np.concatenate(groups)),
        np.concatenate(offsets).astype(np.int32) * np.int32(row_bytes(target)),
        np.array(starts, np.int64),
    )
