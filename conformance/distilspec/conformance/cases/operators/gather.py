"""Cases of ``gather``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.layout import TYPES, numbered, tensors
from distilspec.conformance.goldens.build import i64

CASES = Cases("gather")


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: types of both operands, axes, ranks of the indices, negative indices, tails."""
    for dtype in TYPES:
        new = CASES.named(f"type-{dtype}", "GATH-S1", "every bit")
        yield new.case(x=numbered(dtype, 5, 3), indices=i64([4, 0, 0, 2]))
    for index, (axis, indices) in enumerate([(0, [2, 0]), (1, [[3, 0], [1, 1]]), (-1, [4]), (2, 3), (-3, [[1]])]):
        for width in (np.int64, np.int32):
            new = CASES.named(f"axis-{index}-{np.dtype(width)}", "GATH-S1", "which axis the axes of indices replace")
            yield new.case(x=new.reals(3, 4, 5), indices=np.array(indices, width), axis=axis)
    for axis in (0, 1):
        new = CASES.named(f"negative-{axis}", "GATH-S2", "-1 is the last, -size the first")
        yield new.case(x=new.reals(5, 5), indices=i64([-1, -5, -2, 4, 0]), axis=axis)
    new = CASES.named("indices-fed", "GATH-S1 GATH-S2", "indices that are no constants")
    yield new.case(x=new.reals(9, 4), indices=i64([[8, -9, 3], [-1, 0, 5]]), fed=("indices",))
    for size in values.FEW_TAILS:
        new = CASES.named(f"length-{size}", "GATH-S1", "rows beyond the last full vector")
        yield new.case(x=new.reals(6, size), indices=i64([5, 1, 3]))
    new = CASES.named("none", "GATH-S1", "no indices")
    yield new.case(x=new.reals(5, 3), indices=np.zeros((0,), np.int64))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a tensor and indices into one of its axes."""
    shape = values.shapes(draw, least=1)
    axis = values.whole(draw, 0, len(shape) - 1)
    size = shape[axis]
    dtype = values.choice(draw, (np.int64, np.int32))
    indices = values.paint(draw, values.numbers(draw, -size, size - 1, dtype), values.leading(draw))
    return call("gather", x=tensors(draw, shape), indices=indices, axis=axis - len(shape) * draw(st.booleans()))
