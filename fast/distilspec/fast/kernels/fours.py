"""
Weights whose fours a target with a ``pair_limit`` multiplies exactly: packed so that no sum of them leaves 16 bits.

A four is a pair of weights of one step, which share 16 bits, and that of another step that is added to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.kernels.pairs import limited, paired

Array = NDArray[Any]

#: Features of a step.
DOT = 4

#: Steps among which each finds its partner, an even number. With more of them, fewer fours are too much; with fewer,
#: the codes that are read one after the other are nearer to each other.
WINDOW = 48


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
        Output features of a panel: they share the order of steps.
    """
    count = weight.shape[1] // DOT
    panels = weight.astype(np.int16).reshape(-1, rows, count, DOT).transpose(0, 2, 1, 3)
    panels = np.pad(panels, ((0, 0), (0, count % 2), (0, 0), (0, 0)))
    order = _partners(panels, limit)
    ordered = np.take_along_axis(panels, order[:, :, np.newaxis, np.newaxis], axis=1)
    kept, extra = _limited(ordered, limit)
    steps = np.where(order < count, order, 0).astype(np.int32)
    panel, place, row = np.nonzero(extra.any(axis=3))
    taken = extra[panel, place, row], steps[panel, place]
    return Fours(kept.astype(np.int8), steps, *_by_feature(panel * rows + row, *taken, len(weight), limit))


def _by_feature(feature: Array, weights: Array, steps: Array, features: int, limit: int) -> tuple[Array, Array, Array]:
    """Return what is left of some ``features``, ``weights`` [n, DOT] of ``steps`` [n], in fours of one feature each."""
    parts = [(feature[:0], weights[:0], steps[:0])]
    while feature.size:
        odd = np.flatnonzero(np.bincount(feature) % 2)
        feature = np.append(feature, odd)
        weights, steps = np.pad(weights, ((0, odd.size), (0, 0))), np.pad(steps, (0, odd.size))
        by = np.argsort(feature, kind="stable")
        by = by[_order_inside(feature[by], _sizes(weights[by]), limit)]
        feature, steps = feature[by], steps[by]
        kept, extra = (part[:, 0] for part in _limited(weights[by, np.newaxis], limit))
        parts.append((feature, kept, steps))
        more = extra.any(axis=1)
        feature, weights, steps = feature[more], extra[more], steps[more]
    feature, weights, steps = (np.concatenate(part) for part in zip(*parts, strict=True))
    by = np.argsort(feature, kind="stable")
    starts = np.append(0, np.cumsum(np.bincount(feature, minlength=features)))
    return weights[by].astype(np.int8), steps[by].astype(np.int32), starts


def _order_inside(feature: Array, sizes: Array, limit: int) -> Array:
    """Return an order of steps [n], sorted by ``feature``, that pairs those of each; ``sizes`` [n, 4] are theirs."""
    counts = np.bincount(feature)
    starts = np.cumsum(counts) - counts
    held = np.zeros((counts.size, sizes.shape[1], counts.max()), np.int16)
    held[feature, :, np.arange(feature.size) - starts[feature]] = sizes
    order = paired(held, counts, limit)[:, : counts.max()] + starts[:, np.newaxis]
    inside: Array = order[np.arange(counts.max()) < counts[:, np.newaxis]]
    return inside


def _partners(panels: Array, limit: int) -> Array:
    """Return for each of ``panels`` [panels, even, rows, DOT] an order in which few neighbours are too much."""
    sizes = _sizes(panels).reshape(*panels.shape[:2], -1).transpose(0, 2, 1)
    order = []
    for start in range(0, panels.shape[1], WINDOW):
        window = sizes[:, :, start : start + WINDOW]
        steps = window.shape[2]
        pairs = paired(window, np.full(len(window), steps), limit, tries=steps // 2, over=1)
        order.append(start + pairs[:, :steps])
    return np.concatenate(order, axis=1)


def _sizes(weights: Array) -> Array:
    """Return of weights [..., DOT] what those of each sign add up to in each pair: [..., 4]."""
    pairs = weights.reshape(*weights.shape[:-1], 2, 2)
    of_a_sign = [np.maximum(sign * pairs, 0) for sign in (1, -1)]
    return np.concatenate([sizes[..., 0] + sizes[..., 1] for sizes in of_a_sign], axis=-1)


def _limited(weights: Array, limit: int) -> tuple[Array, Array]:
    """Return ``limited`` of the fours of weights [..., even, rows, DOT]."""
    fours = weights.reshape(-1, 2, weights.shape[-2], 2, 2).transpose(0, 2, 3, 1, 4)
    kept, extra = limited(fours.reshape(*fours.shape[:3], 4), limit)
    back = [part.reshape(fours.shape).transpose(0, 3, 1, 2, 4).reshape(weights.shape) for part in (kept, extra)]
    return back[0], back[1]
