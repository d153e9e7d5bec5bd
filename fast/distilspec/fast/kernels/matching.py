"""
Steps of a weight in pairs that are rarely too much together.

Every step of a window may lie beside every other one. All possible pairs are looked at, some windows at a time, and
what is found is kept as sets of bits, on which all windows are matched at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: Windows that are compared at once: what they take stays in the second cache.
TOGETHER = 64


def paired_steps(windows: Array, limit: int) -> Array:
    """
    Return for each of ``windows`` [W, even, n] an order in which few neighbours have sums beyond the limit.

    Small steps lie beside large ones: each of the smaller half, the largest first, takes the first of the larger half,
    from the one opposite on, with which no sum is too much, or that of another step which fits one that is left. Those
    that found none take one with a single sum too much in the same way, and then what is left.

    n is a multiple of 8, and a window has 64 steps at most.
    """
    half = windows.shape[1] // 2
    by_size = np.argsort(windows.max(axis=2), axis=1, kind="stable")
    small, large = by_size[:, :half], by_size[:, : half - 1 : -1]
    fits = np.concatenate(
        [
            _fits(in_order(windows[some], small[some]), in_order(windows[some], large[some]), limit)
            for some in (slice(start, start + TOGETHER) for start in range(0, len(windows), TOGETHER))
        ],
        axis=1,
    )
    partner = _matched(fits, half)
    pairs = np.stack([small, np.take_along_axis(large, partner, axis=1)], axis=2)
    return pairs.reshape(len(windows), -1)


def _fits(small: Array, large: Array, limit: int) -> Array:
    """
    Return which of ``large`` [W, half, n] fit each of ``small``: bits uint32 [2, W, half].

    Bit j is that of the j-th of ``large``. The first bits say that no sum is too much, the second ones that at most one
    is.
    """
    half, each = small.shape[1:]
    room = np.tile(limit + 1 - large, (1, 2, 1))
    fits = np.zeros((2, *small.shape[:2]), np.uint32)
    bits = np.tile(np.uint32(1) << np.arange(half, dtype=np.uint32), 2)
    for shift in range(half):
        too_much = np.packbits((small >= room[:, shift : shift + half]).reshape(-1)).view(f"u{each // 8}")
        counts = np.bitwise_count(too_much).reshape(small.shape[:2])
        for most in range(2):
            fits[most] |= (counts <= most) * bits[shift : shift + half]
    return fits


def _matched(fits: Array, half: int) -> Array:
    """
    Return a partner for each of the smaller half, [W, half], from what ``_fits`` says.

    Where none is left for a step that fits, another one's partner may, if that one finds another itself.
    """
    matching = _Matching(fits.shape[1], half)
    for of_most in fits:
        matching.take_first(of_most)
        matching.exchange(of_most)
    return matching.finished()


class _Matching:
    """Partners of the smaller half of all windows; sets of the larger half are bits."""

    def __init__(self, windows: int, half: int) -> None:
        self._half = half
        self._all = np.uint32(2**half - 1)
        self._free = np.full(windows, self._all)
        self._partner, self._owner = np.full((2, windows, half), -1)

    def take_first(self, fits: Array) -> None:
        """Give each step, the largest first, the first partner that fits and is free, from the opposite one on."""
        for place in reversed(range(self._half)):
            window = np.flatnonzero((self._partner[:, place] < 0) & (fits[:, place] & self._free > 0))
            found = fits[window, place] & self._free[window]
            turned = self._turned(found, place)
            self._join(window, place, (_lowest(turned) + place) % self._half)

    def exchange(self, fits: Array) -> None:
        """Give steps without a partner that of another step which fits a free one."""
        bit = np.uint32(1) << np.maximum(self._partner, 0).astype(np.uint32)
        could = (self._partner >= 0) & (fits & self._free[:, np.newaxis] > 0)
        movable = np.bitwise_or.reduce(np.where(could, bit, 0), axis=1)
        for place in reversed(range(self._half)):
            window = np.flatnonzero((self._partner[:, place] < 0) & (fits[:, place] & movable > 0))
            wanted = _lowest(fits[window, place] & movable[window])
            owner = self._owner[window, wanted]
            other = fits[window, owner] & self._free[window]
            some = other > 0
            window, wanted, owner, other = (each[some] for each in (window, wanted, owner, other))
            self._join(window, owner, _lowest(other))
            self._join(window, place, wanted)
            movable[window] &= ~(np.uint32(1) << wanted.astype(np.uint32))

    def finished(self) -> Array:
        """Return the partners; steps without one take what is left."""
        # as many are left on both sides
        left = self._free[:, np.newaxis] >> np.arange(self._half, dtype=np.uint32) & np.uint32(1) > 0
        self._partner[self._partner < 0] = np.nonzero(left)[1]
        return self._partner

    def _turned(self, found: Array, place: int) -> Array:
        return (found >> np.uint32(place) | found << np.uint32(self._half - place)) & self._all

    def _join(self, window: Array, place: Array | int, partner: Array) -> None:
        self._partner[window, place] = partner
        self._owner[window, partner] = place
        self._free[window] &= ~(np.uint32(1) << partner.astype(np.uint32))


def _lowest(bits: Array) -> Array:
    """Return which bit is the lowest one, of numbers that have one."""
    return np.bitwise_count((bits & -bits) - np.uint32(1)).astype(np.int64)


def in_order(steps: Array, order: Array) -> Array:
    """Return ``steps`` [panels, steps, ...] in the order of each panel [panels, n]."""
    each = steps.reshape(*steps.shape[:2], -1)
    whole = each.view(f"V{each.shape[2] * each.itemsize}")[..., 0]
    taken = np.take_along_axis(whole, order, axis=1)
    return taken[..., np.newaxis].view(steps.dtype).reshape(*order.shape, *steps.shape[2:])
