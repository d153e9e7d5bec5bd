"""Steps of a block-sparse weight that a target with a ``pair_limit`` multiplies exactly, by two where that fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.kernels.fours import DOT, partners, sizes_of
from distilspec.fast.kernels.matching import in_order

Array = NDArray[Any]


@dataclass(frozen=True)
class Steps:
    """
    Steps of a weight, panel after panel.

    Attributes
    ----------
    weights, steps : arrays int8 [n, rows, DOT] and int32 [n]
        The weights of a panel at a step of the reduction, and which it is.
    starts : array int64 [panels + 1]
        Where those of a panel begin.
    """

    weights: Array
    steps: Array
    starts: Array


def steps_by_two_and_alone(weight: Array, rows: int, limit: int) -> tuple[Steps, Steps]:
    """
    Return the steps of a weight int8 [N, K] that are not all zeros: those by two, and those alone.

    By two, weights of one sign in a four add up to ``limit`` at most.

    Parameters
    ----------
    weight : array int8 [N, K]
        N is a multiple of ``rows``, K of ``DOT``, and no weight exceeds half of the limit, so that a pair never does.
    rows : int
        Output features of a panel, an even number.
    """
    panels = weight.reshape(-1, rows, weight.shape[1] // DOT, DOT).swapaxes(1, 2)
    panel, step = np.nonzero(panels.any(axis=(2, 3)))
    weights = panels[panel, step]
    sizes = sizes_of(weights, limit).reshape(len(weights), rows * DOT)
    by_two = np.sort(_paired(panel, sizes, limit), axis=1)
    by_two = by_two[np.argsort(by_two[:, 0])].reshape(-1)
    alone = np.setdiff1d(np.arange(panel.size), by_two)
    by_panel = panel, step, weights, len(panels)
    return _taken(by_two, *by_panel), _taken(alone, *by_panel)


def _taken(some: Array, panel: Array, step: Array, weights: Array, panels: int) -> Steps:
    starts = np.append(0, np.cumsum(np.bincount(panel[some], minlength=panels)))
    return Steps(weights[some], step[some].astype(np.int32), starts)


def _paired(panel: Array, sizes: Array, limit: int) -> Array:
    """Return two steps each [m, 2], of those sorted by ``panel``, whose ``sizes`` [n, each] fit together."""
    counts = np.bincount(panel)
    starts = np.cumsum(counts) - counts
    found = [np.zeros((0, 2), np.int64)]
    for count in np.unique(counts[counts > 1]):
        even = count + count % 2
        number = starts[counts == count, np.newaxis] + np.arange(even)
        # the one that makes an odd number even is too much for every step, which has a weight somewhere
        of_steps = np.full((len(number), even, sizes.shape[1]), limit, np.uint8)
        of_steps[:, :count] = sizes[number[:, :count]]
        order = partners(of_steps, limit)
        ordered = in_order(of_steps, order)
        fits = (ordered[:, ::2].astype(np.int16) + ordered[:, 1::2] <= limit).all(axis=2)
        found.append(np.take_along_axis(number, order, axis=1).reshape(*fits.shape, 2)[fits])
    return np.concatenate(found)
