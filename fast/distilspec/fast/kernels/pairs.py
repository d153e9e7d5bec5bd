"""Weights whose pairs a target with a ``pair_limit`` multiplies exactly: packed so that none of them saturates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


#: How many partners a column tries.
TRIES = 16


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


def in_limited_pairs(groups: Sequence[Array], columns: Sequence[Array], limit: int) -> list[tuple[Array, Array]]:
    """
    Return the columns of every group [R, K] as pairs within the limit, and of each the place that ``columns`` gives.

    The order is another one, and there may be more: what is too much in a pair becomes columns of their own, and a
    column of zeros makes their number even.
    """
    if not groups:
        return []
    sizes = np.array([rows.shape[1] for rows in groups])
    held = np.zeros((len(groups), len(groups[0]), max(1, sizes.max())), np.int16)
    for row, rows in zip(held, groups, strict=True):
        row[:, : rows.shape[1]] = rows
    return [
        _ordered(rows, places, order[: len(places)], limit)
        for rows, places, order in zip(groups, columns, _paired(held, sizes, limit), strict=True)
    ]


def _ordered(rows: Array, columns: Array, order: Array, limit: int) -> tuple[Array, Array]:
    """Return one group in an order, followed by columns for what is too much in its pairs."""
    parts, places = [], []
    rows, columns = rows[:, order], columns[order]
    while columns.size:
        if columns.size % 2:
            rows, columns = np.pad(rows, ((0, 0), (0, 1))), np.append(columns, columns[-1])
        kept, extra = limited(rows, limit)
        parts.append(kept)
        places.append(columns)
        more = np.any(extra, axis=0)
        rows, columns = extra[:, more], columns[more]
    return np.concatenate(parts or [rows], axis=1), np.concatenate(places or [columns])


def _paired(groups: Array, sizes: Array, limit: int) -> Array:
    """
    Return for each of ``groups`` [G, R, K] an order in which nearly all pairs are within the limit.

    A group has ``sizes`` columns, and its order as many entries. Small columns lie beside large ones: the i-th smallest
    tries the i-th largest, and if those are too much together or it is taken, the next, each of them all at once.
    """
    magnitude = np.abs(groups).max(axis=1)
    magnitude[np.arange(groups.shape[2]) >= sizes[:, None]] = np.iinfo(np.int16).max
    by_size = np.argsort(magnitude, axis=1, kind="stable")
    half = (sizes // 2)[:, None]
    place = np.arange(half.max(initial=0))[None]
    exists = place < half
    small = by_size[:, : place.size]
    large = np.take_along_axis(by_size, np.maximum(sizes[:, None] - 1 - place, 0), axis=1)
    partner = np.full(small.shape, -1)
    free = exists.copy()
    low = np.take_along_axis(groups, small[:, None], axis=2)
    for shift in range(TRIES):
        tried = (place + shift) % np.maximum(half, 1)
        high = np.take_along_axis(groups, np.take_along_axis(large, tried, axis=1)[:, None], axis=2)
        within = (np.abs(low + high) <= limit).all(axis=1)
        matched = within & exists & (partner < 0) & np.take_along_axis(free, tried, axis=1)
        partner[matched] = tried[matched]
        group, _ = np.nonzero(matched)
        free[group, tried[matched]] = False
    # as many are left on both sides
    partner[exists & (partner < 0)] = np.nonzero(free)[1]
    pairs = np.stack([small, np.take_along_axis(large, np.maximum(partner, 0), axis=1)], axis=2)
    order = np.zeros((len(groups), groups.shape[2] + 1), np.int64)
    order[:, : pairs[0].size] = pairs.reshape(len(groups), -1)
    np.put_along_axis(order, 2 * half, np.take_along_axis(by_size, half, axis=1), axis=1)
    return order
