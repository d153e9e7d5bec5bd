"""Cases of ``unsqueeze``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.layout import TYPES, numbered, tensors

CASES = Cases("unsqueeze")


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: types, one axis and several, in front, at the end and between."""
    for dtype in TYPES:
        new = CASES.named(f"type-{dtype}", "USQ-S1", "every bit")
        yield new.case(x=numbered(dtype, 3, 5), axes=(1,))
    for index, axes in enumerate([(0,), (-1,), (1, 2), (0, -1), (3, 0), (-2,), (2, 1, 0)]):
        new = CASES.named(f"axes-{index}", "USQ-S1", "axes are those of the result")
        yield new.case(x=new.reals(3, 5), axes=axes)
    yield CASES.named("scalar", "USQ-S1", "an axis for what has none").case(x=numbered("float32"), axes=(0,))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a tensor, and some axes of a result of higher rank."""
    x = tensors(draw, values.shapes(draw))
    count = values.whole(draw, 1, 3)
    axes = values.order(draw, x.ndim + count)[:count]
    named = tuple(axis - (x.ndim + count) * draw(st.booleans()) for axis in axes)
    return call("unsqueeze", x=x, axes=named)
