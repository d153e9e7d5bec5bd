"""Values and sizes at which implementations go wrong, as arrays for the corpus and as strategies for the fuzzer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases.draw import Draw
from distilspec.conformance.goldens.build import f32
from distilspec.reference.contract.types import Array, BoolArray, Float32Array

T = TypeVar("T")

F32 = np.float32
TINY = F32(2.0**-126)
SUBNORMAL = F32(2.0**-149)
LARGEST = np.finfo(F32).max
BELOW_ONE, ABOVE_ONE = F32(1 - 2.0**-24), F32(1 + 2.0**-23)

#: Finite float32 at the ends of their ranges: zeros, subnormal and smallest normal numbers, neighbours of one, the
#: first integers that lose their neighbours, the largest.
FINITE_EDGES: Float32Array = f32(
    [
        *(0.0, -0.0, SUBNORMAL, -SUBNORMAL, TINY - SUBNORMAL, TINY, -TINY, 1e-30, BELOW_ONE, 1, ABOVE_ONE),
        *(-1, 0.5, -0.5, 1.5, -2.5, 2.0**23 - 0.5, 2.0**24, 2.0**24 + 2, -1e30, 1e30, LARGEST, -LARGEST),
    ]
)

#: Numbers that are not finite, and what they meet.
SPECIAL: Float32Array = f32([np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1])

#: Lengths around the widths of vectors of 4 to 64 elements, and primes.
TAILS = (1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97)

#: Some of them, for operators whose cases are many.
FEW_TAILS = (1, 7, 16, 17, 33, 64, 65)

#: Palettes of real numbers hold so many values.
COLOURS = 64

_SIMPLE = f32([0, 1, -1, 2, -2, 0.5, -0.5, 3])


def _whole(_: Draw) -> Array:
    return np.concatenate([_SIMPLE, np.arange(4, 32), -np.arange(3, 31)])


def _ordinary(draw: Draw) -> Array:
    return np.concatenate([_SIMPLE, draw.reals(COLOURS - _SIMPLE.size, size=4)])


def _offset(draw: Draw) -> Array:
    return _ordinary(draw) + F32(draw.integers((), 50, 2000))


def _wide(draw: Draw) -> Array:
    return np.concatenate([_SIMPLE, draw.wide(COLOURS - _SIMPLE.size, low=-30, high=30)])


def _extreme(draw: Draw) -> Array:
    return np.concatenate([FINITE_EDGES, draw.wide(COLOURS - FINITE_EDGES.size)])


def _special(draw: Draw) -> Array:
    rare = np.tile(SPECIAL[:3], 2)
    return np.concatenate([_SIMPLE, draw.reals(COLOURS - _SIMPLE.size - rare.size, size=4), rare])


#: Sets of float32 from which a fuzzed tensor takes its elements, simple ones first. ``whole``: sums and products are
#: exact, with ties and cancellations; ``offset``: a large mean; ``wide``: magnitudes from 2**-30 to 2**30; ``extreme``:
#: the whole range, subnormal numbers and the largest; ``special``: some NaN and infinities.
PALETTES: Mapping[str, Callable[[Draw], Array]] = {
    "whole": _whole,
    "ordinary": _ordinary,
    "wide": _wide,
    "offset": _offset,
    "extreme": _extreme,
    "special": _special,
}
FINITE = ("whole", "ordinary", "wide", "offset", "extreme")
MODERATE = ("whole", "ordinary", "wide", "offset")
ANY, NOT_EXTREME = (*FINITE, "special"), (*MODERATE, "special")

#: Sizes around the widths of vectors.
WIDE = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)

#: All elements are drawn from one range, so that an element that comes to lie in another tensor while a shape shrinks
#: is as good there; a palette is repeated as often as it fits.
MOST_COLOURS = 256
_elements = st.integers(0, MOST_COLOURS - 1)


def whole(draw: st.DrawFn, low: int, high: int) -> int:
    """Draw an integer from ``low`` to ``high``, both included; it shrinks towards ``low``."""
    drawn: int = draw(st.integers(0, high - low))
    return low + drawn


def choice(draw: st.DrawFn, options: Sequence[T]) -> T:
    """Draw one of ``options``; it shrinks towards the first."""
    return options[whole(draw, 0, len(options) - 1)]


def order(draw: st.DrawFn, count: int) -> tuple[int, ...]:
    """Draw an order of the numbers below ``count``."""
    left = list(range(count))
    return tuple(left.pop(whole(draw, 0, len(left) - 1)) for _ in range(count))


def axis(draw: st.DrawFn, rank: int) -> int:
    """Draw an axis, counted from the first or from the last."""
    axes: list[int] = [*range(rank), *range(-rank, 0)]
    return choice(draw, axes)


def wide_size(draw: st.DrawFn) -> int:
    """Draw a size around the width of a vector."""
    return choice(draw, WIDE)


def narrow_size(draw: st.DrawFn) -> int:
    """Draw a size that keeps a tensor small."""
    return whole(draw, 1, 3)


def leading(draw: st.DrawFn) -> tuple[int, ...]:
    """Draw the axes before those that an operator works on."""
    return tuple(narrow_size(draw) for _ in range(whole(draw, 0, 2)))


def shapes(draw: st.DrawFn, least: int = 0, most: int = 3) -> tuple[int, ...]:
    """Draw a shape with at most one wide axis."""
    shape = [narrow_size(draw) for _ in range(whole(draw, least, most))]
    if shape:
        shape[whole(draw, 0, len(shape) - 1)] = wide_size(draw)
    return tuple(shape)


def wide_and_narrow(draw: st.DrawFn) -> tuple[int, int]:
    """Draw two sizes, one of them around the width of a vector."""
    wide, narrow = wide_size(draw), narrow_size(draw)
    return (wide, narrow) if draw(st.booleans()) else (narrow, wide)


def some_ones(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Draw a shape with 1 in place of some sizes."""
    return tuple(choice(draw, (size, 1)) for size in shape)


def broadcastable(draw: st.DrawFn, count: int) -> tuple[tuple[int, ...], ...]:
    """Draw shapes that broadcast: one shape without some of its leading axes, and with 1 in place of some sizes."""
    shape = shapes(draw)
    return tuple(some_ones(draw, shape[whole(draw, 0, len(shape)) :]) for _ in range(count))


def palette(draw: st.DrawFn, names: Sequence[str] = MODERATE, marks: Sequence[float] = ()) -> Float32Array:
    """
    Draw a palette of float32: one of ``names``, or ``marks`` mixed with ordinary values.

    A call draws all its sizes and palettes first, and paints its tensors last: so shapes shrink without disturbing
    what is drawn after them.
    """
    name = choice(draw, ("marks", *names) if marks else names)
    stream = _stream(draw, name)
    return (_marked(stream, marks) if name == "marks" else PALETTES[name](stream)).astype(F32)


def scales(draw: st.DrawFn, low: int = -10, high: int = 3) -> Float32Array:
    """Draw a palette of positive float32 with exponents from ``low`` to ``high``, powers of two among them."""
    powers = np.ldexp(1.0, np.clip([0, -1, 1, -2, 2, -3, 3, -7], low, high))
    others = _stream(draw, "scales").scales(COLOURS - powers.size, low=low, high=high)
    return np.concatenate([powers, others]).astype(F32)


def codes(draw: st.DrawFn, dtype: Any) -> Array:
    """
    Draw a palette of 8-bit codes: over the full range or, one time in four, a few neighbouring codes.

    In a full one the ends of the range, zero and one are as frequent as all others together.
    """
    limits = np.iinfo(dtype)
    if whole(draw, 0, 3) == 3:
        return (np.arange(8) + whole(draw, 0, int(limits.max) - 8)).astype(dtype)
    ends = [0, 1, limits.max, limits.min, limits.max - 1, limits.min + 1, 127, 128 if limits.min == 0 else -127]
    return np.concatenate([np.tile(ends, 16), _stream(draw, "codes").codes(dtype, 128)]).astype(dtype)


def numbers(draw: st.DrawFn, low: int, high: int, dtype: Any = np.int64) -> Array:
    """Draw a palette of integers from ``low`` to ``high``: all if they are few, else simple ones, ends and others."""
    if high - low < MOST_COLOURS:
        return np.array(sorted(range(low, high + 1), key=abs), dtype)
    ends = [low, high, low + 1, high - 1, 2**24 + 1, 2**31 - 1, 2**31, -(2**31), 2**53 + 1, -(2**53) - 1]
    simple = [number for number in (0, 1, -1, 2, -2, 3, *ends) if low <= number <= high]
    others = _stream(draw, "numbers").integers((COLOURS - len(simple),), low, high)
    return np.concatenate([np.array(simple, dtype), others.astype(dtype)])


def masks(draw: st.DrawFn, shape: tuple[int, ...]) -> BoolArray:
    """Draw booleans: all True, or any."""
    if draw(st.booleans()):
        return np.ones(shape, np.bool_)
    return np.array([draw(st.booleans()) for _ in range(math.prod(shape))], np.bool_).reshape(shape)


def paint(draw: st.DrawFn, colours: Array, shape: tuple[int, ...]) -> Array:
    """Draw a tensor of the colours of a palette, the first of which are the simplest."""
    drawn = [draw(_elements) for _ in range(math.prod(shape))]
    return np.asarray(colours[np.array(drawn, np.int64).reshape(shape) % colours.size])


def _stream(draw: st.DrawFn, name: str) -> Draw:
    return Draw(f"{name} {whole(draw, 0, 2**16 - 1)}")


def _marked(stream: Draw, marks: Sequence[float]) -> Array:
    return np.concatenate([_SIMPLE, np.resize(np.array(marks), COLOURS // 2), stream.reals(COLOURS // 2 - 8, size=4)])
