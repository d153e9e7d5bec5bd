"""Cases of ``slice``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.layout import TYPES, numbered, tensors

CASES = Cases("slice")

#: start, stop, step on an axis of 7: open ends, ends counted from the last, steps of both signs, nothing.
RANGES = (
    *((0, 7, 1), (2, None, 1), (0, -1, 1), (-3, None, 1), (-5, -2, 1), (1, 6, 2), (0, 7, 3), (2, 2, 1), (5, 2, 1)),
    *((6, None, -1), (-1, None, -2), (5, 1, -1), (-1, -5, -3), (0, None, -1)),
)


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: types, ranges of all kinds on each axis."""
    for dtype in TYPES:
        new = CASES.named(f"type-{dtype}", "SLC-S2", "every bit")
        yield new.case(x=numbered(dtype, 3, 5), axis=1, start=1, stop=4)
    for index, (start, stop, step) in enumerate(RANGES):
        new = CASES.named(f"range-{index}", "SLC-S1 SLC-S2", "where it begins, where it ends, and the step")
        axis = (0, 1, -1)[index % 3]
        shape = [2, 3, 4]
        shape[axis] = 7
        yield new.case(x=new.reals(*shape), axis=axis, start=start, stop=stop, step=step)


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a tensor and any range on one of its axes."""
    shape = values.shapes(draw, least=1)
    axis = values.whole(draw, 0, len(shape) - 1)
    size = shape[axis]
    step = values.choice(draw, (1, 2, 3, -1, -2))
    start = values.choice(draw, (*range(size + (step > 0)), *range(-size, 0)))
    stop = values.choice(draw, (None, *range(-size, size + 1)))
    return call("slice", x=tensors(draw, shape), axis=axis, start=start, stop=stop, step=step)
