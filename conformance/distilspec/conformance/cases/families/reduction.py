"""Reductions over axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call

#: Axes of a tensor of shape (2, 3, 4, 5): each alone, inner and outer ones, in another order, counted from the last.
AXES = ((0,), (1,), (-1,), (0, 2), (1, 3), (-1, 0), (2, -1), (0, 1, 2, 3))


def reduction_cases(operator: str, formula: str, kept: str, *, special: str = "") -> Iterator[Case]:
    """
    Yield the cases of a reduction.

    Parameters
    ----------
    operator : str
    formula, kept : str
        The clause of its formula, and that of ``keepdims``.
    special : str
        The clauses of NaN and infinities, if they are others.
    """
    cases = Cases(operator)
    for axes in AXES:
        name = "-".join(map(str, axes))
        new = cases.named(f"axes-{name}", f"{formula} {kept}", "the elements over which it goes, and the axes left")
        yield new.case(x=new.reals(2, 3, 4, 5, size=3), axes=axes)
        yield cases.named(f"axes-{name}-dropped", f"{formula} {kept}", "the axes vanish").case(
            x=new.reals(2, 3, 4, 5, size=3), axes=axes, keepdims=False
        )
    for size in values.TAILS:
        new = cases.named(f"last-axis-{size}", formula, "the elements beyond the last full vector")
        yield new.case(x=new.reals(3, size, size=3), axes=(-1,))
        new = cases.named(f"first-axis-{size}", formula, "rows beyond the last full block of rows")
        yield new.case(x=new.reals(size, 3, size=3), axes=(0,))
    new = cases.named("negative", formula, "every element is below 0: the search must not start there")
    yield new.case(x=new.reals(4, 9) - np.float32(3), axes=(1,))
    yield cases.named("positive", formula, "every element is above 0").case(
        x=new.reals(4, 9) + np.float32(3), axes=(1,)
    )
    new = cases.named("special", special or formula, "NaN and infinities, first, last and in the middle of their rows")
    x = new.reals(8, 5, size=3)
    for row, (column, value) in enumerate([(0, np.nan), (2, np.nan), (4, np.nan), (1, np.inf), (3, -np.inf)]):
        x[row, column] = value
    x[5, :2] = np.inf, -np.inf
    x[6] = np.nan
    yield new.case(x=x, axes=(1,))
    new = cases.named("magnitudes", formula, "elements of very different size")
    yield new.case(x=new.wide(16, 33, low=-20, high=20), axes=(-1,))
    new = cases.named("long", formula, "a sum of 4097 elements whose mean is large")
    yield new.case(x=new.reals(2, 4097) + np.float32(1000), axes=(1,))


def integer_cases(operator: str, formula: str, numbers: Sequence[int]) -> Iterator[Case]:
    """Yield the cases of int64; the sums of ``numbers`` stay within int64."""
    cases = Cases(operator)
    new = cases.named("int64", formula, "int64 that no float can hold, in any place")
    row = np.array(numbers, np.int64)
    yield new.case(x=np.stack([np.roll(row, shift) for shift in range(row.size)]), axes=(-1,))
    for size in values.FEW_TAILS:
        new = cases.named(f"int64-{size}", formula, "the elements beyond the last full vector")
        yield new.case(x=2**53 + new.integers((2, size), -9, 9), axes=(1,))


def empty_case(operator: str, formula: str) -> Iterator[Case]:
    """Yield the cases of no elements."""
    cases = Cases(operator)
    yield cases.named("over-nothing", formula, "no elements to go over").case(
        x=np.zeros((3, 0, 2), np.float32), axes=(1,)
    )
    yield cases.named("of-nothing", formula, "no results").case(x=np.zeros((0, 3), np.float32), axes=(1,))


@st.composite
def reduction_calls(draw: st.DrawFn, operator: str, *, integers: int = 0) -> Call:
    """Draw a call over some axes, on float32 from anywhere or on int64 up to ``integers``."""
    shape = values.shapes(draw, least=1)
    count = values.whole(draw, 1, len(shape))
    axes = values.order(draw, len(shape))[:count]
    axes = tuple(axis - len(shape) * draw(st.booleans()) for axis in axes)
    keepdims = draw(st.booleans())
    if integers and values.whole(draw, 0, 3) == 3:
        x = values.paint(draw, values.numbers(draw, -integers, integers), shape)
    else:
        x = values.paint(draw, values.palette(draw, values.ANY), shape)
    return call(operator, x=x, axes=axes, keepdims=keepdims)
