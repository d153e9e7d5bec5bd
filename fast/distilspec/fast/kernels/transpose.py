"""Squares of registers, transposed: where tokens come into the lanes, and where they leave them."""

from __future__ import annotations

from collections.abc import Sequence

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import Value

#: 32-bit lanes of the 128 bits in which x86 interleaves.
PART = 4


def transposed(builder: Builder, rows: Sequence[Value]) -> list[Value]:
    """
    Return vector j with lane j of every one of ``rows``, which are as many vectors as they have lanes.

    First 4 by 4 inside parts of 128 bits, then the parts themselves, so that every shuffle is one instruction.
    """
    lanes = len(rows)
    made = [part for first in range(0, lanes, PART) for part in _inside_parts(builder, rows[first : first + PART])]
    distance = 1
    while distance < lanes // PART:
        made = _parts_exchanged(builder, made, distance)
        distance *= 2
    return made


def _inside_parts(builder: Builder, four: Sequence[Value]) -> list[Value]:
    """Return vector q with, in every part, the q-th lane of that part of each of ``four``."""
    a, b, c, d = four
    pairs = [_interleaved(builder, x, y, half, 1) for half in range(2) for x, y in ((a, b), (c, d))]
    low, high = pairs[:2], pairs[2:]
    return [_interleaved(builder, x, y, half, 2) for x, y in (low, high) for half in range(2)]


def _interleaved(builder: Builder, a: Value, b: Value, half: int, width: int) -> Value:
    """Return, part by part, the lower or upper half of ``a`` and of ``b``, in turns of ``width`` lanes."""
    lanes = a.type.lanes
    order = [
        source + part + half * PART // 2 + first + lane
        for part in range(0, lanes, PART)
        for first in range(0, PART // 2, width)
        for source in (0, lanes)
        for lane in range(width)
    ]
    value: Value = builder.shuffle(a, b, lanes=tuple(order))
    return value


def _parts_exchanged(builder: Builder, rows: Sequence[Value], distance: int) -> list[Value]:
    """Return ``rows`` with the parts exchanged that lie off the diagonal of squares of 2 * ``distance`` parts."""
    lanes = len(rows)
    exchanged = []
    for number in range(lanes):
        side = number // PART & distance
        upper = rows[number - side * PART]
        lower = rows[number - side * PART + distance * PART]
        order = [
            (lanes if part & distance else 0) + PART * (part & ~distance | side) + lane
            for part in range(lanes // PART)
            for lane in range(PART)
        ]
        exchanged.append(builder.shuffle(upper, lower, lanes=tuple(order)))
    return exchanged
