"""Functions of two numbers, element by element, whose operands broadcast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import f32, i64

#: Shapes that broadcast in every way: a scalar, a row, a column, both sides repeated, other ranks, nothing.
BROADCASTS = (
    ("scalar", (3, 5), ()),
    ("row", (3, 5), (5,)),
    ("column", (3, 5), (3, 1)),
    ("both", (4, 1, 3), (1, 5, 1)),
    ("ranks", (5, 1), (2, 3, 1, 7)),
    ("empty", (2, 0), (1, 1)),
)

#: int64 that float64, float32 or 32 bits cannot hold, none of whose sums and differences leaves int64.
INTEGERS = i64([0, 1, -1, 2**24 + 1, 2**31, -(2**31) - 1, 2**53 + 1, -(2**53) - 1, 2**61 + 1, -(2**61) - 1])

#: int64 whose products stay within int64.
FACTORS = i64([0, 1, -1, 3, 2**24 + 1, -(2**24) - 1, 2**30 + 1, -(2**31) - 1])


def binary_cases(
    operator: str, formula: str, *, special: str = "", integers: str = "", whole: Sequence[int] = INTEGERS.tolist()
) -> Iterator[Case]:
    """
    Yield the cases of a function of two numbers.

    Parameters
    ----------
    operator : str
    formula : str
        The clauses of its formula, parted by blanks.
    special : str
        The clauses of what is no finite number, if they are others.
    integers : str
        The clauses of int64, if it takes int64.
    whole : sequence of int
        The int64 that are paired.
    """
    cases = Cases(operator)
    new = cases.named("ends", formula, "every pair of zeros, subnormal numbers, neighbours of 1 and largest numbers")
    moderate = values.FINITE_EDGES[np.abs(values.FINITE_EDGES) < 2.0**30]
    yield new.case(a=moderate[:, np.newaxis], b=moderate)
    new = cases.named("largest", formula, "pairs whose result overflows, beside pairs whose result does not")
    yield new.case(a=values.FINITE_EDGES[:, np.newaxis], b=f32([1, -1, 0.5, 2, 1e30]))
    new = cases.named("special", special or formula, "every pair of NaN, infinities, zeros and ones")
    yield new.case(a=values.SPECIAL[:, np.newaxis], b=np.concatenate([values.SPECIAL, new.reals(4, size=3)]))
    new = cases.named("neighbours", formula, "operands that are nearly equal or opposite: the result is all rounding")
    a = new.wide(24, low=-20, high=20)
    yield new.case(a=a, b=np.stack([np.nextafter(a, np.float32(np.inf)), -np.nextafter(a, np.float32(0)), a, -a]))
    new = cases.named("magnitudes", formula, "operands of very different size")
    yield new.case(a=new.wide(40, low=-60, high=60), b=new.wide(5, 40, low=-60, high=60))
    for name, left, right in BROADCASTS:
        new = cases.named(f"broadcast-{name}", formula, "the operand that is repeated")
        yield new.case(a=new.reals(*left, size=9), b=new.reals(*right, size=9))
        new = cases.named(f"broadcast-{name}-swapped", formula, "the operand that is repeated is the first")
        yield new.case(a=new.reals(*right, size=9), b=new.reals(*left, size=9))
    for size in values.FEW_TAILS:
        new = cases.named(f"length-{size}", formula, "the elements beyond the last full vector")
        yield new.case(a=new.reals(size, size=5), b=new.reals(size, size=5))
    if integers:
        new = cases.named("int64", integers, "int64 that neither a float nor 32 bits can hold")
        numbers = np.array(whole, np.int64)
        yield new.case(a=numbers[:, np.newaxis], b=numbers)
        new = cases.named("int64-length-17", integers, "the elements beyond the last full vector")
        yield new.case(a=new.integers((17,), -1000, 1000), b=new.integers((17,), -1000, 1000))


@st.composite
def binary_calls(draw: st.DrawFn, operator: str, *, integers: int = 0) -> Call:
    """Draw a call on float32 from anywhere, or on int64 up to ``integers``."""
    left, right = values.broadcastable(draw, 2)
    if integers and values.whole(draw, 0, 3) == 3:
        pair = [values.paint(draw, values.numbers(draw, -integers, integers), shape) for shape in (left, right)]
    else:
        colours = values.palette(draw, values.ANY)
        pair = [values.paint(draw, colours, shape) for shape in (left, right)]
    return call(operator, a=pair[0], b=pair[1])
