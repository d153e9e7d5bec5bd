"""Weights whose pairs a target with a ``pair_limit`` multiplies exactly: packed so that none of them saturates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


#: How many partners a column tries.
TRIES = 64


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


def in_limited_pairs(group: Array, place: Array, columns: Array, limit: int) -> tuple[Array, Array, Array]:
    """
    Return the columns of every group as pairs within the limit: groups, places and columns, as they are given.

    Groups stay sorted. The order in a group is another one, and there may be more columns: what is too much in a pair
    becomes columns of their own, and a column of zeros makes the number of a group's columns even.

    Parameters
    ----------
    group, place : arrays int64 [n]
        The group of every column, sorted, and anything that is to stay beside it.
    columns : array int8 [n, R]
    """
    parts = [(group[:0], place[:0], columns[:0])]
    while group.size:
        first, second, alone = _paired(group, columns, limit)
        # a column alone in its group lies beside zeros, others wait for what is taken out
        is_last = np.bincount(group)[group[alone]] == 1
        last, waiting = alone[is_last], alone[~is_last]
        pairs = np.stack([columns[first], columns[second]], axis=1)
        pairs = np.concatenate([pairs, np.stack([columns[last], np.zeros_like(columns[last])], axis=1)])
        number = np.stack([np.append(first, last), np.append(second, last)], axis=1)
        too_much = np.flatnonzero(_beyond(pairs[:, 0], pairs[:, 1], limit))
        kept, extra = (part.swapaxes(1, 2) for part in limited(pairs[too_much].swapaxes(1, 2), limit))
        pairs[too_much] = kept
        parts.append((group[number].reshape(-1), place[number].reshape(-1), pairs.reshape(-1, columns.shape[1])))
        more = np.nonzero(extra.any(axis=2))
        number = np.append(number[too_much][more], waiting)
        columns = np.concatenate([extra[more], columns[waiting]])
        by = np.argsort(group[number], kind="stable")
        group, place, columns = group[number][by], place[number][by], columns[by]
    group, place, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    by = np.argsort(group, kind="stable")
    return group[by], place[by], columns[by]


def _paired(group: Array, columns: Array, limit: int) -> tuple[Array, Array, Array]:
    """
    Return two columns of every pair, and those that are left alone, one in each group of an odd number.

    Small columns lie beside large ones: the i-th smallest tries the i-th largest, and if those are too much together or
    it is taken, the next one, up to ``TRIES``, each of them all at once. Those that found none take what is left.
    """
    size = np.abs(columns.astype(np.int16)).max(axis=1)
    by_size = np.lexsort((size, group))
    counts = np.bincount(group)
    ends = np.cumsum(counts)
    starts, half = ends - counts, counts // 2
    place = np.arange(group.size) - starts[group]
    smaller = np.flatnonzero(place < half[group])
    partner = np.full(group.size, -1)
    free = place >= counts[group] - half[group]
    alone = by_size[(place >= half[group]) & ~free]
    left, number = smaller, place[smaller]
    last, many = (ends - 1)[group[smaller]], half[group[smaller]]
    ordered = columns[by_size]
    for shift in range(TRIES):
        wanted = last - (number + shift) % many
        matched = free[wanted] & ~_beyond(ordered[left], ordered[wanted], limit)
        partner[left[matched]] = wanted[matched]
        free[wanted[matched]] = False
        left, number, last, many = (part[~matched] for part in (left, number, last, many))
    # as many are left on both sides of every group
    partner[left] = np.flatnonzero(free)
    return by_size[smaller], by_size[partner[smaller]], alone


def _beyond(first: Array, second: Array, limit: int) -> Array:
    """Return which int8 columns [n, R] have weights of one sign that are more than the limit together."""
    # of two signs they never are
    each = np.abs(first.astype(np.int16) + second) > limit
    beyond: Array = np.logical_or.reduce([each[:, row] for row in range(each.shape[1])])
    return beyond
