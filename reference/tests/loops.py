"""Plain loops over indices: what broadcasting and axes mean. It imports no NumPy and nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product, zip_longest
from typing import Any


def indices(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Iterate over every index of ``shape``, the last axis fastest."""
    return product(*map(range, shape))


def broadcast(*shapes: Sequence[int]) -> tuple[int, ...]:
    """Return the shape in which aligned from the last axis every size 1 gives way to the other sizes."""
    columns = zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1)
    return tuple(next((size for size in sizes if size != 1), 1) for sizes in columns)[::-1]


def at(array: Any, index: Sequence[int]) -> Any:
    """Return the element of a broadcast array as a Python scalar."""
    own = index[len(index) - len(array.shape) :]
    return array[tuple(0 if size == 1 else place for size, place in zip(array.shape, own, strict=True))].item()


def reduced(array: Any, axes: Sequence[int]) -> dict[tuple[int, ...], list[Any]]:
    """Return, by the index with 0 on ``axes``, the elements over which an operator reduces."""
    rank = len(array.shape)
    gone = {axis % rank for axis in axes}
    groups: dict[tuple[int, ...], list[Any]] = {
        index: [] for index in indices([1 if axis in gone else size for axis, size in enumerate(array.shape)])
    }
    for index in indices(array.shape):
        groups[tuple(0 if axis in gone else place for axis, place in enumerate(index))].append(array[index].item())
    return groups
