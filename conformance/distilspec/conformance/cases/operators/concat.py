"""Cases of ``concat``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.layout import TYPES, numbered, tensors

CASES = Cases("concat")


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: types, every axis, one tensor and many, empty ones, tails."""
    for dtype in TYPES:
        new = CASES.named(f"type-{dtype}", "CAT-S1", "every bit")
        yield new.case(tensors=[numbered(dtype, 2, 3), numbered(dtype, 2, 1)[::-1]], axis=1)
    for axis in (0, 1, 2, -1, -3):
        new = CASES.named(f"axis-{axis}", "CAT-S1", "the axis along which they lie")
        yield new.case(tensors=[new.reals(2, 3, 4), new.reals(2, 3, 4), new.reals(2, 3, 4)], axis=axis)
    for size in values.FEW_TAILS:
        new = CASES.named(f"last-axis-{size}", "CAT-S1", "rows whose parts begin between vectors")
        yield new.case(tensors=[new.reals(3, size), new.reals(3, 5), new.reals(3, 1)], axis=-1)
    new = CASES.named("one", "CAT-S1", "nothing to join")
    yield new.case(tensors=[new.reals(2, 3)], axis=0)
    new = CASES.named("empty-between", "CAT-S1", "a tensor without elements between two others")
    yield new.case(tensors=[new.reals(2, 3), np.zeros((0, 3), np.float32), new.reals(1, 3)], axis=0)
    new = CASES.named("many", "CAT-S1", "the order of nine tensors")
    yield new.case(tensors=[new.reals(1, 2) for _ in range(9)], axis=0)


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw tensors of one type whose shapes differ on one axis."""
    shape = values.shapes(draw, least=1)
    axis = values.whole(draw, 0, len(shape) - 1)
    dtype = values.choice(draw, TYPES)
    sizes = [values.whole(draw, 0, 4) for _ in range(values.whole(draw, 1, 4))]
    parts = [tensors(draw, (*shape[:axis], size, *shape[axis + 1 :]), dtype) for size in sizes]
    return call("concat", tensors=parts, axis=axis - len(shape) * draw(st.booleans()))
