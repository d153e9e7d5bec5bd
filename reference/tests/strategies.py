"""Strategies that the tests of several operators share: shapes, elements, and arrays in every memory layout."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from distilspec.reference.contract.types import Array

#: Nothing, one, two, and a prime.
SIZES = st.sampled_from([0, 1, 2, 7])
SHAPES = st.lists(SIZES, max_size=3).map(tuple)

FLOATS = st.sampled_from(["float32", "float64"])
NUMBERS = st.sampled_from(["float32", "float64", "int64"])
ANY_TYPE = st.sampled_from(["float32", "float64", "int64", "int32", "uint8", "int8", "bool"])

_LAYOUTS = st.sampled_from(["contiguous", "transposed", "reversed", "strided"])


def elements(dtype: str) -> st.SearchStrategy[object]:
    """Draw values whose products still fit: floats from subnormal to 2**500, int64 within 31 bits, small ones whole."""
    match dtype:
        case "float32":
            return st.floats(width=32, allow_nan=False, allow_infinity=False)
        case "float64":
            return st.floats(-(2.0**500), 2.0**500)
        case "int64":
            return st.integers(-(2**31), 2**31)
    return hnp.from_dtype(np.dtype(dtype))


@st.composite
def arrays(
    draw: st.DrawFn, dtype: str, shape: tuple[int, ...], values: st.SearchStrategy[object] | None = None
) -> Array:
    """Draw a read-only array in any memory layout."""
    array = draw(hnp.arrays(dtype, shape, elements=elements(dtype) if values is None else values))
    match draw(_LAYOUTS) if shape else "contiguous":
        case "transposed":
            array = array.T.copy().T
        case "reversed":
            array = array[..., ::-1].copy()[..., ::-1]
        case "strided":
            array = np.repeat(array, 2, axis=-1)[..., ::2]
    array.flags.writeable = False
    return array


def reals(shape: tuple[int, ...], values: st.SearchStrategy[float]) -> st.SearchStrategy[Array]:
    """Draw float32 ``values``, or such values plus a part that only float64 can hold beside them."""
    doubles = st.builds(lambda high, low: high + low * 2.0**-30, values, values)
    return arrays("float32", shape, values) | arrays("float64", shape, doubles)


@st.composite
def broadcastable_shapes(draw: st.DrawFn, count: int) -> tuple[tuple[int, ...], ...]:
    """Draw shapes that are one shape without some leading axes and with 1 in place of some sizes."""
    whole = draw(SHAPES)
    return tuple(
        tuple(draw(st.sampled_from([1, size])) for size in whole[draw(st.integers(0, len(whole))) :])
        for _ in range(count)
    )


@st.composite
def pairs(
    draw: st.DrawFn, dtypes: st.SearchStrategy[str], values: st.SearchStrategy[object] | None = None
) -> tuple[Array, Array]:
    """Draw two arrays that broadcast, of one dtype or one of each float type."""
    dtype = draw(dtypes)
    others = FLOATS if dtype.startswith("float") else st.just(dtype)
    left, right = draw(broadcastable_shapes(2))
    return draw(arrays(dtype, left, values)), draw(arrays(draw(others), right, values))


@st.composite
def tensors(
    draw: st.DrawFn,
    dtypes: st.SearchStrategy[str],
    shapes: st.SearchStrategy[tuple[int, ...]] = SHAPES,
    values: st.SearchStrategy[object] | None = None,
) -> Array:
    """Draw one array of any of the dtypes and shapes."""
    return draw(arrays(draw(dtypes), draw(shapes), values))


@st.composite
def some_axes(draw: st.DrawFn, rank: int, least: int = 1) -> tuple[int, ...]:
    """Draw different axes of ``rank`` in any order, some of them counted from the last."""
    chosen = draw(st.permutations(range(rank)))[: draw(st.integers(least, rank))]
    return tuple(axis - rank * draw(st.booleans()) for axis in chosen)
