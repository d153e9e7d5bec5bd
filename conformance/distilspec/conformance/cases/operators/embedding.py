"""Cases of ``embedding``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import i64

CASES = Cases("embedding")


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: first and last rows, ranks and types of the ids, values, tails."""
    for dtype in (np.int64, np.int32):
        new = CASES.named(f"ids-{np.dtype(dtype)}", "EMB-S1", "the first row, the last, and one twice")
        yield new.case(input_ids=np.array([[0, 12, 5], [5, 0, 1]], dtype), weight=new.reals(13, 6))
    for name, shape in (
        ("scalar", ()),
        ("vector", (5,)),
        ("three-axes", (2, 3, 4)),
        ("none", (0,)),
        ("no-rows", (2, 0)),
    ):
        new = CASES.named(name, "EMB-S1", "any number of axes")
        yield new.case(input_ids=new.integers(shape, 0, 6), weight=new.reals(7, 5))
    for size in values.TAILS:
        new = CASES.named(f"hidden-{size}", "EMB-S1", "the elements beyond the last full vector")
        yield new.case(input_ids=new.integers((2, 3), 0, 10), weight=new.reals(11, size))
    new = CASES.named("one-row", "EMB-S1", "a table of one row, which is row 0 and no padding")
    yield new.case(input_ids=i64([0, 0]), weight=new.reals(1, 9) + np.float32(2))
    new = CASES.named("values", "EMB-S1", "every bit: numbers beyond float16, NaN, infinities")
    weight = new.wide(8, 9)
    weight[3, :7] = values.SPECIAL
    yield new.case(input_ids=i64([7, 3, 0, 5, 3]), weight=weight)
    new = CASES.named("many-rows", "EMB-S1", "ids beyond 16 bits")
    yield new.case(input_ids=i64([65535, 65536, 65537, 69999, 0]), weight=new.reals(70000, 2))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a table and ids of its rows."""
    rows, hidden = values.wide_and_narrow(draw)
    colours = values.palette(draw, values.ANY)
    numbers = values.numbers(draw, 0, rows - 1, values.choice(draw, (np.int64, np.int32)))
    ids = values.paint(draw, numbers, values.leading(draw))
    return call("embedding", input_ids=ids, weight=values.paint(draw, colours, (rows, hidden)))
