"""
Weights whose fours a target with a ``pair_limit`` multiplies exactly: packed so that no sum of them leaves 16 bits.

A four is a pair of weights of one step, which share 16 bits, and that of another step that is added to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.kernels.matching import in_order, paired_steps
from distilspec.fast.kernels.pairs import limited

Array = NDArray[Any]

#: Features of a step.
DOT = 4

#: Steps among which each finds its partner, an even number. With more of them, fewer fours are too much; with fewer,
#: the codes that are read one after the other are nearer to each other.
WINDOW = 64


@dataclass(frozen=True)
class Fours:
    """
    A weight int8 in steps of ``DOT`` features, of which 0 and 1, 2 and 3, and so on are multiplied together.

    Weights that were too much are in two places or more, which add up to them. Steps of zeros make numbers even.

    Attributes
    ----------
    weights, steps : arrays int8 [panels, even, rows, DOT] and int32 [panels, even]
        The steps of the reduction in another order, and which they are.
    extra_weights, extra_steps : arrays int8 [extra, DOT] and int32 [extra]
        What was taken out, feature by feature, each an even number of steps.
    extra_starts : array int64 [features + 1]
        Where those of a feature begin.
    """

    weights: Array
    steps: Array
    extra_weights: Array
    extra_steps: Array
    extra_starts: Array


def in_limited_fours(weight: Array, rows: int, limit: int) -> Fours:
    """
    Return a weight int8 [N, K] in fours, in each of which weights of one sign add up to ``limit`` at most.

    Parameters
    ----------
    weight : array int8 [N, K]
        N is a multiple of ``rows``, K of ``DOT``, and no weight exceeds the limit.
    rows : int
        Output features of a panel, a power of two: they share the order of steps.
    """
    count = weight.shape[1] // DOT
    even = count + count % 2
    panels = np.zeros((len(weight) // rows, even, rows, DOT), np.int8)
    panels[:, :count] = weight.reshape(-1, rows, count, DOT).transpose(0, 2, 1, 3)
    sizes = sizes_of(panels, limit).reshape(*panels.shape[:2], -1)
    order = partners(sizes, limit)
    kept, sizes = (in_order(steps, order) for steps in (panels, sizes))
    steps = np.where(order < count, order, 0).astype(np.int32)
    # of two steps that are multiplied together, by row: [sign, pair]
    too_much = (sizes[:, ::2] >= limit + 1 - sizes[:, 1::2]).reshape(-1, rows, 2, 2)
    two, row = np.nonzero(too_much.reshape(-1, rows, 4).view(np.uint32)[..., 0])
    some, pair = np.nonzero(too_much[two, row].any(axis=1))
    two, row = two[some], row[some]
    pairs = kept.reshape(-1, 2, rows, 2, 2)
    left, extra = limited(pairs[two, :, row, pair].reshape(-1, 4), limit)
    pairs[two, :, row, pair] = left.reshape(-1, 2, 2)
    place = (2 * two[:, np.newaxis] + [0, 1]) * rows + row[:, np.newaxis]
    where, taken = _taken(place.reshape(-1), np.repeat(pair, 2), extra.reshape(-1, 2))
    step, row = where // rows, where % rows
    feature = step // even * rows + row
    return Fours(kept, steps, *_by_feature(feature, taken, steps.reshape(-1)[step], len(weight), limit))


def _taken(place: Array, pair: Array, extra: Array) -> tuple[Array, Array]:
    """
    Return weights [n, DOT] by what is taken out of their pairs, and where they are.

    ``place`` says of every pair of ``extra`` [m, 2] where it is, ``pair`` whether it is the first or the second there.
    """
    some = extra.any(axis=1)
    where, number = np.unique(place[some], return_inverse=True)
    pairs = np.zeros((where.size, 2, 2), np.int8)
    pairs[number, pair[some]] = extra[some]
    return where, pairs.reshape(-1, DOT)


def _by_feature(feature: Array, weights: Array, steps: Array, features: int, limit: int) -> tuple[Array, Array, Array]:
    """Return what is left of some ``features``, ``weights`` [n, DOT] of ``steps`` [n], in fours of one feature each."""
    parts = [(feature[:0], weights[:0], steps[:0])]
    while feature.size:
        odd = np.flatnonzero(np.bincount(feature) % 2)
        feature = np.append(feature, odd)
        weights, steps = np.pad(weights, ((0, odd.size), (0, 0))), np.pad(steps, (0, odd.size))
        by = np.argsort(feature, kind="stable")
        feature, steps = feature[by], steps[by]
        fours = weights[by].reshape(-1, 2, 2, 2).transpose(0, 2, 1, 3).reshape(-1, 4)
        kept, extra = (
            part.reshape(-1, 2, 2, 2).transpose(0, 2, 1, 3).reshape(-1, DOT) for part in limited(fours, limit)
        )
        parts.append((feature, kept, steps))
        more = extra.any(axis=1)
        feature, weights, steps = feature[more], extra[more], steps[more]
    feature, weights, steps = (np.concatenate(part) for part in zip(*parts, strict=True))
    by = np.argsort(feature, kind="stable")
    starts = np.append(0, np.cumsum(np.bincount(feature, minlength=features)))
    return weights[by], steps[by].astype(np.int32), starts


def sizes_of(weights: Array, limit: int) -> Array:
    """
    Return of int8 weights [..., DOT] what those of each sign add up to in each pair: uint8 [..., sign, pair].

    What is more than the limit is one more than it.
    """
    sizes = np.empty((*weights.shape[:-1], 2, 2), np.uint8)
    for sign in range(2):
        of_a_sign = np.maximum(-weights.astype(np.int16) if sign else weights, 0).astype(np.uint8)
        pairs = of_a_sign.view(np.uint16)
        sizes[..., sign, :] = np.minimum((pairs & 255) + (pairs >> 8), limit + 1)
    return sizes


def partners(sizes: Array, limit: int) -> Array:
    """Return for panels of ``sizes`` [panels, even, n] an order in which few neighbours are too much together."""
    panels, even, each = sizes.shape
    whole = even // WINDOW * WINDOW
    orders = []
    for start, stop, size in ((0, whole, WINDOW), (whole, even, even - whole)):
        if stop == start:
            continue
        windows = sizes[:, start:stop].reshape(-1, size, each)
        order = paired_steps(windows, limit).reshape(panels, -1, size)
        orders.append((order + np.arange(start, stop, size)[:, np.newaxis]).reshape(panels, -1))
    return np.concatenate(orders, axis=1)
