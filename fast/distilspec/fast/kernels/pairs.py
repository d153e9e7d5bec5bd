"""Weights whose pairs a target with a ``pair_limit`` multiplies exactly: packed so that none of them saturates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


#: How often every column that is left tries another one in vain.
PATIENCE = 8


def limited(weight: Array, limit: int) -> tuple[Array, Array]:
    """
    Return two weights [N, K] whose sum is ``weight``; in their pairs weights of one sign add up to ``limit`` at most.

    Pairs are columns 0 and 1, 2 and 3, and so on; K is even. No weight may exceed the limit.
    """
    pairs = weight.reshape(len(weight), -1, 2).astype(np.int16)
    # where signs differ the sum is below the limit
    over = np.maximum(0, np.abs(pairs.sum(axis=2)) - limit)
    extra = np.zeros_like(pairs)
    extra[:, :, 1] = np.sign(pairs[:, :, 1]) * over
    both = (pairs - extra, extra)
    kept, taken = (part.reshape(weight.shape).astype(weight.dtype) for part in both)
    return kept, taken


def in_limited_pairs(rows: Array, columns: Array, limit: int) -> tuple[Array, Array]:
    """
    Return the columns of ``rows`` [R, K] as pairs within the limit, and of each the place that ``columns`` gives.

    The order is another one, and there may be more: what is too much in a pair becomes columns of their own, and a
    column of zeros makes their number even.
    """
    order = _paired(rows.astype(np.int16), limit)
    odd = len(order) % 2
    order = np.append(order, order[len(order) - odd :])
    held = rows[:, order]
    held[:, len(order) - odd :] = 0
    kept, extra = limited(held, limit)
    places = columns[order]
    more = np.flatnonzero(np.any(extra, axis=0))
    if not more.size:
        return kept, places
    rest, where = in_limited_pairs(extra[:, more], places[more], limit)
    return np.concatenate([kept, rest], axis=1), np.concatenate([places, where])


def _paired(rows: Array, limit: int) -> Array:
    """
    Return an order in which nearly all pairs are within the limit.

    Small columns lie beside large ones, the smallest beside the largest; those that are too much together try the next.
    """
    by_size = np.argsort(np.abs(rows).max(axis=0, initial=0), kind="stable")
    half = len(by_size) // 2
    small, large = by_size[:half], by_size[::-1][:half]
    matched = []
    tried = 0
    while tried < min(small.size, PATIENCE):
        within = (np.abs(rows[:, small] + rows[:, large]) <= limit).all(axis=0)
        matched.append(np.stack([small[within], large[within]], axis=1).ravel())
        small, large = small[~within], np.roll(large[~within], 1)
        tried = 0 if within.any() else tried + 1
    return np.concatenate([*matched, np.stack([small, large], axis=1).ravel(), by_size[half : len(by_size) - half]])
