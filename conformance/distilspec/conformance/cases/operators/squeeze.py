"""Cases of ``squeeze``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.layout import TYPES, numbered, tensors

CASES = Cases("squeeze")


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: types, one axis and several, counted from both ends, ones that stay."""
    for dtype in TYPES:
        new = CASES.named(f"type-{dtype}", "SQZ-S1", "every bit")
        yield new.case(x=numbered(dtype, 3, 1, 5), axes=(1,))
    for index, (shape, axes) in enumerate(
        [((1, 3, 1, 5), (0,)), ((1, 3, 1, 5), (-2,)), ((1, 3, 1, 5), (2, 0)), ((1, 1, 1), (1,)), ((1,), (0,))]
    ):
        new = CASES.named(f"axes-{index}", "SQZ-S1", "only the named axes vanish")
        yield new.case(x=new.reals(*shape), axes=axes)


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a tensor with axes of size 1, and name some of them."""
    shape = values.shapes(draw, least=1)
    place = values.whole(draw, 0, len(shape))
    whole = (*shape[:place], 1, *shape[place:])
    ones = [axis for axis, size in enumerate(whole) if size == 1]
    axes = [ones[place] for place in values.order(draw, len(ones))[: values.whole(draw, 1, len(ones))]]
    named = tuple(axis - len(whole) * draw(st.booleans()) for axis in axes)
    return call("squeeze", x=tensors(draw, whole), axes=named)
