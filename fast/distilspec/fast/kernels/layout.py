"""How tensors lie in memory for the kernels: tokens in tiles, features side by side, weights in panels or blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.codegen.opcodes import DEPTH, MATRIX
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.block_sparse import AHEAD, ROWS, row_bytes, token_order
from distilspec.fast.kernels.codes import FACTORS
from distilspec.fast.kernels.dense_fours import STEPS_AHEAD
from distilspec.fast.kernels.fours import in_limited_fours
from distilspec.fast.kernels.pairs import in_limited_pairs
from distilspec.fast.kernels.sparse_steps import steps_by_two_and_alone

Array = NDArray[Any]

#: Bytes of activations that stay there beside weights: half of the smallest second cache of the targets' processors.
SECOND_CACHE = 2**18

#: The same for processors with matrix registers.
LARGE_SECOND_CACHE = 2**20


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


@dataclass(frozen=True)
class PackedPanels:
    """
    A weight as ``dense``, ``dense_matrix`` or ``linear`` reads it; their docstrings say what the arrays hold.

    ``operands`` are arrays and numbers by the names of their parameters, ``units`` the panels.
    """

    operands: Mapping[str, Array | int]
    units: int


def packed_panels(weight: Array, target: Target) -> PackedPanels:
    """Return a weight int8 [N, K] as ``dense`` reads it, padded with zeros."""
    held = _held(weight, target)
    units, steps = len(held) // target.panel, held.shape[1] // target.dot
    if target.pair_limit is not None:
        # a tile is read in another order for every panel: best from the first cache
        return PackedPanels({**_fours(held, target, target.pair_limit), "steps": steps, "block": 1}, units)
    return PackedPanels({"weights": _parts(held, target), "steps": steps, "block": _block(steps, target)}, units)


def _fours(held: Array, target: Target, limit: int) -> dict[str, Array | int]:
    """Return a padded weight as ``sums_in_fours`` reads it."""
    fours = in_limited_fours(held, target.panel, limit)
    step = np.int32(target.tile * FACTORS)
    return {
        "weights": fours.weights, "places": np.append(fours.steps, np.zeros(STEPS_AHEAD, np.int32)) * step,
        "extra_weights": fours.extra_weights, "extra_places": fours.extra_steps * step,
        "extra_starts": fours.extra_starts,
    }  # fmt: skip


def packed_steps(weight: Array, target: Target) -> PackedPanels:
    """Return a weight int8 [N, K] as ``sparse_panels`` reads it, padded with zeros; the target has a ``pair_limit``."""
    assert target.pair_limit is not None
    held = _held(weight, target)
    pairs, singles = steps_by_two_and_alone(held, target.panel, target.pair_limit)
    step = np.int32(target.tile * FACTORS)
    operands: dict[str, Array | int] = {
        "pair_weights": pairs.weights, "pair_places": np.append(pairs.steps, np.zeros(STEPS_AHEAD, np.int32)) * step,
        "pair_starts": pairs.starts,
        "single_weights": singles.weights, "single_places": singles.steps * step,
        "single_starts": singles.starts,
    }  # fmt: skip
    return PackedPanels({**operands, "steps": held.shape[1] // target.dot, "block": 1}, len(held) // target.panel)


def packed_squares(weight: Array, target: Target) -> PackedPanels:
    """Return a weight int8 [N, K] as ``dense_matrix`` reads it, padded with zeros; K is a multiple of ``DEPTH``."""
    rows, columns = weight.shape
    held = np.zeros((padded(rows, MATRIX), columns), np.int8)
    held[:rows] = weight
    squares = np.ascontiguousarray(held.reshape(-1, MATRIX, columns // DEPTH, DEPTH).swapaxes(1, 2))
    block = max(1, LARGE_SECOND_CACHE // max(1, columns * target.tile))
    return PackedPanels({"weights": squares, "blocks": columns // DEPTH, "block": block}, len(squares))


def _held(weight: Array, target: Target) -> Array:
    """Return a weight [N, K] in whole panels and steps."""
    rows, columns = weight.shape
    held = np.zeros((padded(rows, target.panel), padded(columns, target.dot)), weight_type(target))
    held[:rows, :columns] = weight
    return held


def _block(steps: int, target: Target) -> int:
    """Return how many tiles of activations, 4 bytes a step and token, stay in the second cache together."""
    return max(1, SECOND_CACHE // max(1, steps * target.tile * FACTORS))


def _parts(held: Array, target: Target) -> Array:
    """Return a padded weight as [N / panel_rows, K / dot, panel_rows, dot]."""
    parts = held.reshape(-1, target.panel_rows, held.shape[1] // target.dot, target.dot)
    return np.ascontiguousarray(parts.transpose(0, 2, 1, 3))


def packed_float_panels(weight: Array, target: Target) -> PackedPanels:
    """Return a weight float32 [N, K] as ``linear`` reads it, padded with zeros."""
    rows, columns = weight.shape
    held = np.zeros((padded(rows, target.panel), columns), np.float32)
    held[:rows] = weight
    panels = np.ascontiguousarray(held.reshape(len(held) // target.panel, target.panel, columns).transpose(0, 2, 1))
    return PackedPanels({"weights": panels, "steps": columns, "block": _block(columns, target)}, len(panels))


@dataclass(frozen=True)
class PackedBlocks:
    """
    A block-sparse weight as ``block_sparse`` reads it; its docstring says what the arrays hold.

    ``units`` are the fours of features.
    """

    weights: Array
    columns: Array
    starts: Array

    @property
    def units(self) -> int:
        """Return how many fours of features there are."""
        return len(self.starts) - 1


def packed_blocks(weight: Array, target: Target) -> PackedBlocks:
    """
    Return a weight int8 [N, K] packed by the columns that four rows have in common.

    A column that is zero in all four rows is left out; padding repeats a column of the group with zero weights. Where
    the target has a ``pair_limit``, columns stand in pairs within it, and some are there twice, in two parts.
    """
    rows, columns = weight.shape
    held = np.zeros((padded(rows, ROWS), columns), weight_type(target))
    held[:rows] = weight
    by_column = np.ascontiguousarray(held.reshape(-1, ROWS, columns).swapaxes(1, 2))
    four, place = np.nonzero(by_column.view(f"u{ROWS * held.itemsize}")[..., 0])
    chosen = by_column[four, place]
    if target.pair_limit is not None:
        four, place, chosen = in_limited_pairs(four, place, chosen, target.pair_limit)
    counts = np.bincount(four, minlength=len(by_column))
    groups = -(-counts // target.dot)
    starts = np.append(0, np.cumsum(groups))
    # where each column goes: behind the padded columns of the fours before
    at = np.arange(four.size) + (starts[:-1] * target.dot - (np.cumsum(counts) - counts))[four]
    weights = np.zeros((starts[-1] * target.dot, ROWS), held.dtype)
    weights[at] = chosen
    offsets = np.zeros((starts[-1] + AHEAD) * target.dot, np.int32)
    last = np.cumsum(counts)[groups > 0] - 1
    offsets[: weights.shape[0]] = np.repeat(place[last], groups[groups > 0] * target.dot)
    offsets[at] = place
    return PackedBlocks(
        np.ascontiguousarray(weights.reshape(-1, target.dot, ROWS).swapaxes(1, 2)),
        offsets * np.int32(row_bytes(target)),
        starts,
    )
