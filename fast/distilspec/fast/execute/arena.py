"""One block of memory for all tensors of a forward, which take each other's place when they are not needed any more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from distilspec.fast.execute.memory import private_memory

#: Buffers start at multiples of this, two cache lines.
ALIGNED = 128


@dataclass(eq=False)
class Buffer:
    """
    Memory that operations share, from the first that uses it to the last; two are the same only if one object.

    ``kept`` says that it is read or written outside of the operations as well, so that nothing may take its place.
    """

    size: int
    kept: bool = False
    first: int = -1
    last: int = -1
    offset: int = 0

    def use(self, operation: int) -> None:
        """Note that an operation uses the buffer; they come in order."""
        self.first = operation if self.first < 0 else self.first
        self.last = operation


class Arena:
    """The memory of some buffers."""

    def __init__(self, buffers: Iterable[Buffer]) -> None:
        """Give every buffer a place, the largest first, each the lowest that is free while it is used."""
        placed: list[Buffer] = []
        for buffer in sorted(buffers, key=lambda buffer: -buffer.size):
            there = sorted((other for other in placed if _together(buffer, other)), key=lambda other: other.offset)
            buffer.offset = 0
            for other in there:
                if buffer.offset + buffer.size <= other.offset:
                    break
                buffer.offset = max(buffer.offset, _aligned(other.offset + other.size))
            placed.append(buffer)
        self.size = max((buffer.offset + buffer.size for buffer in placed), default=0)
        self._memory = np.frombuffer(private_memory(self.size), np.uint8)

    def address(self, buffer: Buffer) -> int:
        """Return where a buffer starts."""
        return int(self._memory.ctypes.data) + buffer.offset

    def view(self, buffer: Buffer, dtype: DTypeLike) -> NDArray[Any]:
        """Return a buffer as an array of one axis, without copying."""
        return self._memory[buffer.offset : buffer.offset + buffer.size].view(dtype)


def _together(a: Buffer, b: Buffer) -> bool:
    return a.kept or b.kept or (a.first <= b.last and b.first <= a.last)


def _aligned(place: int) -> int:
    return -(-place // ALIGNED) * ALIGNED
