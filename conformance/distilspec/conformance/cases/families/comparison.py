"""Comparisons and logical operators, whose results are exact."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.binary import BROADCASTS, INTEGERS
from distilspec.conformance.goldens.build import boolean
from distilspec.reference.contract.types import Array


def comparison_cases(operator: str, formula: str, special: str) -> Iterator[Case]:
    """Yield the cases of a comparison; ``special`` is the clause of NaN and zeros."""
    cases = Cases(operator)
    new = cases.named("ends", formula, "every pair of zeros, subnormal numbers, neighbours of 1 and largest numbers")
    ends = values.FINITE_EDGES[np.abs(values.FINITE_EDGES) >= values.TINY]
    yield new.case(a=ends[:, np.newaxis], b=ends)
    new = cases.named("neighbours", formula, "numbers one ulp apart differ")
    a = new.wide(24, low=-20, high=20)
    yield new.case(a=a, b=np.stack([np.nextafter(a, np.float32(np.inf)), np.nextafter(a, np.float32(-np.inf)), a]))
    new = cases.named("special", special, "every pair of NaN, infinities and zeros of both signs")
    yield new.case(a=values.SPECIAL[:, np.newaxis], b=values.SPECIAL)
    new = cases.named("int64", formula, "int64 that differ by less than a float can hold")
    numbers = np.concatenate([INTEGERS, INTEGERS - 1, INTEGERS + 1])
    yield new.case(a=numbers[:, np.newaxis], b=numbers)
    for dtype in (np.int32, np.uint8, np.int8):
        limits = np.iinfo(dtype)
        ends = np.array([limits.min, limits.min + 1, 0, 1, 127, limits.max - 1, limits.max], dtype)
        new = cases.named(f"ends-{np.dtype(dtype)}", formula, "codes keep their sign, and unsigned ones have none")
        yield new.case(a=ends[:, np.newaxis], b=ends)
    for name, left, right in BROADCASTS:
        new = cases.named(f"broadcast-{name}", formula, "the operand that is repeated")
        yield new.case(a=new.integers(left, -1, 1).astype(np.float32), b=new.integers(right, -1, 1).astype(np.float32))
    for size in values.FEW_TAILS:
        new = cases.named(f"length-{size}", formula, "the elements beyond the last full vector")
        yield new.case(
            a=new.integers((size,), -1, 1).astype(np.float32), b=new.integers((size,), -1, 1).astype(np.float32)
        )


@st.composite
def comparison_calls(draw: st.DrawFn, operator: str, *, booleans: bool = False) -> Call:
    """Draw a call on two tensors of one type that often hold equal elements."""
    left, right = values.broadcastable(draw, 2)
    a: Array
    b: Array
    kinds = ["float32", "int64", "int32", "uint8", "int8"]
    match values.choice(draw, [*kinds, "bool"] if booleans else kinds):
        case "float32":
            colours: Array = values.palette(draw, ("whole", "extreme", "special"))
            a, b = (values.paint(draw, colours, shape) for shape in (left, right))
        case "bool":
            a, b = (values.masks(draw, shape) for shape in (left, right))
        case dtype if dtype in ("uint8", "int8"):
            colours = values.codes(draw, dtype)
            a, b = (values.paint(draw, colours, shape) for shape in (left, right))
        case dtype:
            high = 2**62 if dtype == "int64" else 2**31 - 1
            a, b = (values.paint(draw, values.numbers(draw, -high, high, dtype), shape) for shape in (left, right))
    return call(operator, a=a, b=b)


def logical_cases(operator: str, formula: str) -> Iterator[Case]:
    """Yield the cases of a logical operator of two operands."""
    cases = Cases(operator)
    new = cases.named("truth-table", formula, "all four pairs")
    yield new.case(a=boolean([[False], [True]]), b=boolean([False, True]))
    for name, left, right in BROADCASTS:
        new = cases.named(f"broadcast-{name}", formula, "the operand that is repeated")
        yield new.case(a=new.mask(*left), b=new.mask(*right))
    for size in values.TAILS:
        new = cases.named(f"length-{size}", formula, "the elements beyond the last full vector of bytes")
        yield new.case(a=new.mask(2, size), b=new.mask(2, size))


@st.composite
def logical_calls(draw: st.DrawFn, operator: str) -> Call:
    """Draw a call on two masks."""
    left, right = values.broadcastable(draw, 2)
    return call(operator, a=values.masks(draw, left), b=values.masks(draw, right))
