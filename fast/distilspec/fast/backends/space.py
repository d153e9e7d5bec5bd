"""Rows in tiles: every sequence begins with a tile of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Space:
    """
    Rows in tiles.

    Attributes
    ----------
    tiles : int
    start : int64 [tiles]
        The caller's number of the first row in each tile.
    count : int64 [tiles]
        How many rows are in it.
    position : int64 [tiles]
        The place of its first row in its sequence.
    """

    tiles: int
    start: Array
    count: Array
    position: Array


def spaced(sequences: int, length: int, tile: int) -> Space:
    """Return sequences of one length in tiles of so many rows."""
    each = -(-length // tile)
    first = np.arange(each, dtype=np.int64) * tile
    starts = (np.arange(sequences, dtype=np.int64)[:, None] * length + first).ravel()
    counts = np.tile(np.minimum(tile, length - first), sequences)
    return Space(sequences * each, starts, counts, np.tile(first, sequences))
