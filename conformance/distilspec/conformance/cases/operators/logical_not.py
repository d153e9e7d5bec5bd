"""Cases of ``logical_not``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call

CASES = Cases("logical_not")


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: ranks, tails of vectors of bytes."""
    for size in values.TAILS:
        new = CASES.named(f"length-{size}", "NOT-S1", "the elements beyond the last full vector of bytes")
        yield new.case(x=new.mask(2, size))
    new = CASES.named("four-axes", "NOT-S1", "any rank")
    yield new.case(x=new.mask(2, 3, 1, 5))
    yield CASES.named("scalar", "NOT-S1", "no axis").case(x=np.True_)
    yield CASES.named("empty", "NOT-S1", "no elements").case(x=np.zeros((2, 0), np.bool_))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a mask."""
    return call("logical_not", x=values.masks(draw, values.shapes(draw)))
