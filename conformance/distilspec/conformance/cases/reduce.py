"""Making a failing call smaller: axes are cut, and elements cleared, while it goes on failing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np

from distilspec.conformance.cases.call import Call
from distilspec.reference.contract.types import Array


def reduced(call: Call, still_fails: Callable[[Call], bool]) -> Call:
    """
    Return the smallest call that ``still_fails`` accepts, as far as cutting and clearing lead.

    ``still_fails`` refuses a call that breaks a precondition of its operator; it may end the search by raising.
    """
    while True:
        smaller = next((candidate for candidate in _smaller(call) if still_fails(candidate)), None)
        if smaller is None:
            return call
        call = smaller


def _smaller(call: Call) -> Iterator[Call]:
    """Iterate over calls with less in them, those with much less first."""
    present = {name: array for name, array in call.operands.items() if array is not None}
    largest = max((array.size for array in present.values()), default=0)
    for share in (2**power for power in range(largest.bit_length() + 1)):
        for axes in _tied_axes(present):
            size = next(present[name].shape[axis] for name, axis in axes.items())
            for part in _parts(size, share) if share > 1 else ():
                cut = {name: np.delete(present[name], part, axis) for name, axis in axes.items()}
                yield replace(call, operands={**call.operands, **cut})
        for name, array in present.items():
            for part in _parts(array.size, share):
                if array.ravel()[part].any():
                    yield replace(call, operands={**call.operands, name: _cleared(array, part)})


def _tied_axes(present: dict[str, Array]) -> Iterator[dict[str, int]]:
    """Iterate over axes that may have to be cut together: one of every operand, of two, or of one, of the same size."""
    every = [(name, axis) for name, array in present.items() for axis in range(array.ndim) if array.shape[axis] > 1]
    for size in sorted({present[name].shape[axis] for name, axis in every}, reverse=True):
        same = [(name, axis) for name, axis in every if present[name].shape[axis] == size]
        groups = [dict(same), *map(dict, combinations(same, 2)), *({name: axis} for name, axis in same)]
        yield from (group for index, group in enumerate(groups) if group not in groups[:index])


def _parts(size: int, share: int) -> Iterator[slice]:
    """Cut ``size`` elements into ``share`` parts, or into single ones where they are fewer; the last comes first."""
    if share < 2 * size:
        ends = [size * index // min(share, size) for index in range(min(share, size) + 1)]
        yield from (slice(start, stop) for start, stop in zip(ends[-2::-1], ends[:0:-1], strict=True))


def _cleared(array: Array, part: slice) -> Array:
    flat = array.ravel().copy()
    flat[part] = 0
    return flat.reshape(array.shape)
