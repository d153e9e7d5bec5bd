"""Weights whose pairs a target with a ``pair_limit`` multiplies exactly: packed so that none of them saturates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


#: How many partners a column tries.
TRIES = 16


def limited(weight: Array, limit: int) -> tuple[Array, Array]:
    """
    Return what is kept of ``weight`` [..., n] and what is taken out of it, which add up to it.

    Of every n, those of one sign add up to ``limit`` at most in what is kept: the first ones, as far as the limit goes.
    """
    wide = weight.astype(np.int16)
    kept = _first(np.maximum(wide, 0), limit) - _first(np.maximum(-wide, 0), limit)
    return kept.astype(weight.dtype), (wide - kept).astype(weight.dtype)


def _first(sizes: Array, limit: int) -> Array:
    """Return of every n ``sizes`` [..., n] what the limit leaves of them, one after the other."""
    kept, left = np.empty_like(sizes), np.full(sizes.shape[:-1], limit, sizes.dtype)
    for place in range(sizes.shape[-1]):
        kept[..., place] = np.minimum(sizes[..., place], left)
        left -= kept[..., place]
    return kept


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
        for rows, places, order in zip(groups, columns, paired(held, sizes, limit), strict=True)
    ]


def _ordered(rows: Array, columns: Array, order: Array, limit: int) -> tuple[Array, Array]:
    """Return one group in an order, followed by columns for what is too much in its pairs."""
    parts, places = [], []
    rows, columns = rows[:, order], columns[order]
    while columns.size:
        if columns.size % 2:
            rows, columns = np.pad(rows, ((0, 0), (0, 1))), np.append(columns, columns[-1])
        kept, extra = (part.reshape(rows.shape) for part in limited(rows.reshape(len(rows), -1, 2), limit))
        parts.append(kept)
        places.append(columns)
        more = np.any(extra, axis=0)
        rows, columns = extra[:, more], columns[more]
    return np.concatenate(parts or [rows], axis=1), np.concatenate(places or [columns])


def paired(groups: Array, sizes: Array, limit: int, tries: int = TRIES, over: int = 0) -> Array:
    """
    Return for each of ``groups`` [G, R, K] an order in which nearly all pairs are within the limit.

    A group has ``sizes`` columns, and its order as many entries. Small columns lie beside large ones: the i-th smallest
    tries the i-th largest, and if those are too much together or it is taken, the next, each of them all at once. Those
    that found none after ``tries`` try again, and may be too much in one row, and so on up to ``over`` rows.
    """
    magnitude = np.abs(groups).max(axis=1)
    magnitude[np.arange(groups.shape[2]) >= sizes[:, None]] = np.iinfo(np.int16).max
    by_size = np.argsort(magnitude, axis=1, kind="stable")
    half = (sizes // 2)[:, None]
    width = half.max(initial=0)
    exists = np.arange(width) < half
    tried = np.arange(width + tries) % np.maximum(half, 1)
    small = by_size[:, :width]
    large = np.take_along_axis(by_size, np.maximum(sizes[:, None] - 1 - tried, 0), axis=1)
    low, high = (np.take_along_axis(groups, columns[:, None], axis=2) for columns in (small, large))
    shifts = [slice(shift, shift + width) for shift in range(tries)]
    too_much = [(np.abs(low + high[:, :, shift]) > limit).sum(axis=1, dtype=np.int8) for shift in shifts]
    partner = np.full(small.shape, -1)
    free = exists.copy()
    group, place = np.nonzero(exists)
    for most, (shift, rows) in product(range(over + 1), enumerate(too_much)):
        wanted = tried[group, place + shift]
        matched = (rows[group, place] <= most) & free[group, wanted]
        partner[group[matched], place[matched]] = wanted[matched]
        free[group[matched], wanted[matched]] = False
        group, place = group[~matched], place[~matched]
    # as many are left on both sides
    partner[exists & (partner < 0)] = np.nonzero(free)[1]
    pairs = np.stack([small, np.take_along_axis(large, np.maximum(partner, 0), axis=1)], axis=2)
    order = np.zeros((len(groups), groups.shape[2] + 1), np.int64)
    order[:, : pairs[0].size] = pairs.reshape(len(groups), -1)
    np.put_along_axis(order, 2 * half, np.take_along_axis(by_size, half, axis=1), axis=1)
    return order
