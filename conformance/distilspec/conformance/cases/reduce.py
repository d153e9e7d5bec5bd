"""Making a failing call smaller: axes are cut, and elements cleared, while it goes on failing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

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
    for share in (2, 4, 8, 16, 64):
        for axes in _tied_axes(present):
            size = min(present[name].shape[axis] for name, axis in axes.items())
            for part in _parts(size, share):
                cut = {name: np.delete(present[name], part, axis) for name, axis in axes.items()}
                yield replace(call, operands={**call.operands, **cut})
        for name, array in present.items():
            for part in _parts(array.size, share):
                if array.ravel()[part].any():
                    yield replace(call, operands={**call.operands, name: _cleared(array, part)})


def _tied_axes(present: dict[str, Array]) -> Iterator[dict[str, int]]:
    """Iterate over axes that may have to be cut together: one of each operand that has the same size, or one alone."""
    every = [(name, axis) for name, array in present.items() for axis in range(array.ndim) if array.shape[axis] > 1]
    for size in sorted({present[name].shape[axis] for name, axis in every}, reverse=True):
        same = [(name, axis) for name, axis in every if present[name].shape[axis] == size]
        yield from (dict(same), dict(reversed(same)))
    yield from ({name: axis} for name, axis in every)


def _parts(size: int, share: int) -> Iterator[slice]:
    """Cut ``size`` elements into ``share`` parts, if there are as many; the last part comes first."""
    if size < share:
        return
    ends = [size * index // share for index in range(share + 1)]
    yield from (slice(start, stop) for start, stop in zip(ends[-2::-1], ends[:0:-1], strict=True))


def _cleared(array: Array, part: slice) -> Array:
    flat = array.ravel().copy()
    flat[part] = 0
    return flat.reshape(array.shape)
