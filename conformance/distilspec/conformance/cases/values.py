"""Values and sizes at which implementations go wrong, as arrays for the corpus and as strategies for the fuzzer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases.draw import Draw
from distilspec.conformance.goldens.build import f32
from distilspec.reference.contract.types import Array, BoolArray, Float32Array

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

#: Palettes hold so many values.
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

#: A size around the width of a vector, and one that keeps a tensor small beside it.
wide_sizes = st.sampled_from((1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65))
narrow_sizes = st.integers(1, 3)

#: Axes before those that an operator works on.
leading = st.lists(narrow_sizes, max_size=2).map(tuple)

_seeds = st.integers(0, 2**32 - 1)

#: All elements are drawn from one range, so that an element that comes to lie in another tensor while a shape shrinks
#: is as good there; a palette is repeated as often as it fits.
_elements = st.integers(0, 511)


# What follows draws and does not return strategies, because a strategy made for one draw costs more than the draw.


def shapes(draw: st.DrawFn, least: int = 0, most: int = 3) -> tuple[int, ...]:
    """Draw a shape with at most one wide axis."""
    shape = draw(st.lists(narrow_sizes, min_size=least, max_size=most))
    if shape:
        shape[draw(st.integers(0, len(shape) - 1))] = draw(wide_sizes)
    return tuple(shape)


def wide_and_narrow(draw: st.DrawFn) -> tuple[int, int]:
    """Draw two sizes, one of them around the width of a vector."""
    wide, narrow = draw(wide_sizes), draw(narrow_sizes)
    return (wide, narrow) if draw(st.booleans()) else (narrow, wide)


def broadcastable(draw: st.DrawFn, count: int) -> tuple[tuple[int, ...], ...]:
    """Draw shapes that broadcast: one shape without some of its leading axes, and with 1 in place of some sizes."""
    whole = shapes(draw)
    return tuple(
        tuple(1 if draw(st.booleans()) else size for size in whole[draw(st.integers(0, len(whole))) :])
        for _ in range(count)
    )


def palette(draw: st.DrawFn, names: Sequence[str] = MODERATE, marks: Sequence[float] = ()) -> Float32Array:
    """
    Draw a palette of float32: one of ``names``, or ``marks`` mixed with ordinary values.

    A call draws all its sizes and palettes first, and paints its tensors last: so shapes shrink without disturbing
    what is drawn after them.
    """
    name = draw(st.sampled_from(("marks", *names) if marks else tuple(names)))
    stream = Draw(f"{name} {draw(_seeds)}")
    return (_marked(stream, marks) if name == "marks" else PALETTES[name](stream)).astype(F32)


def scales(draw: st.DrawFn, low: int = -10, high: int = 3) -> Float32Array:
    """Draw a palette of positive float32 with exponents from ``low`` to ``high``, powers of two among them."""
    powers = np.ldexp(1.0, np.clip([0, -1, 1, -2, 2, -3, 3, -7], low, high))
    others = Draw(f"scales {draw(_seeds)}").scales(COLOURS - powers.size, low=low, high=high)
    return np.concatenate([powers, others]).astype(F32)


def codes(draw: st.DrawFn, dtype: Any) -> Array:
    """
    Draw a palette of 8-bit codes: over the full range or, one time in four, a few neighbouring codes.

    In a full one the ends of the range, zero and one are as frequent as all others together.
    """
    limits = np.iinfo(dtype)
    if draw(st.integers(0, 3)) == 3:
        return (np.arange(8) + draw(st.integers(0, int(limits.max) - 8))).astype(dtype)
    ends = [0, 1, limits.max, limits.min, limits.max - 1, limits.min + 1, 127, 128 if limits.min == 0 else -127]
    others = sorted(set(range(limits.min, limits.max + 1)).difference(ends), key=abs)
    return np.array(ends * 33 + others, dtype)


def paint(draw: st.DrawFn, colours: Array, shape: tuple[int, ...]) -> Array:
    """Draw a tensor of the colours of a palette, the first of which are the simplest."""
    return np.asarray(colours[_drawn(draw, shape, _elements) % colours.size])


def integers(draw: st.DrawFn, shape: tuple[int, ...], low: int, high: int, dtype: Any = np.int64) -> Array:
    """Draw integers from ``low`` to ``high``, both included."""
    return _drawn(draw, shape, st.integers(low, high), dtype)


def masks(draw: st.DrawFn, shape: tuple[int, ...]) -> BoolArray:
    """Draw booleans: all True, or any."""
    return np.ones(shape, np.bool_) if draw(st.booleans()) else _drawn(draw, shape, st.booleans(), np.bool_)


def _marked(stream: Draw, marks: Sequence[float]) -> Array:
    return np.concatenate([_SIMPLE, np.resize(np.array(marks), COLOURS // 2), stream.reals(COLOURS // 2 - 8, size=4)])


def _drawn(draw: st.DrawFn, shape: tuple[int, ...], elements: st.SearchStrategy[Any], dtype: Any = np.int64) -> Array:
    return np.array([draw(elements) for _ in range(math.prod(shape))], dtype).reshape(shape)
