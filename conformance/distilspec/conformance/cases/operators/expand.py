"""Cases of ``expand``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.layout import TYPES, numbered, tensors

CASES = Cases("expand")
BOTH = "EXPD-S1 EXPD-S2"


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: types, each axis repeated, new axes, 1 in the shape, sizes 0."""
    for dtype in TYPES:
        new = CASES.named(f"type-{dtype}", BOTH, "every bit, in every copy")
        yield new.case(x=numbered(dtype, 3, 1), shape=(3, 4))
    for index, (size, shape) in enumerate(
        [
            ((1, 5), (3, 5)),
            ((3, 1), (1, 4)),
            ((5,), (2, 3, 5)),
            ((3,), (3, 3)),
            ((2, 1, 3), (4, 1)),
            ((), (2, 3)),
            ((2, 3), ()),
        ]
    ):
        new = CASES.named(f"shape-{index}", BOTH, "which axes are repeated, which stay, and where new ones come")
        yield new.case(x=new.reals(*size), shape=shape)
    for copies in values.FEW_TAILS:
        new = CASES.named(f"copies-{copies}", BOTH, "the copies beyond the last full vector")
        yield new.case(x=new.reals(2, 1), shape=(2, copies))
    yield CASES.named("none", "EXPD-S1", "no copies").case(x=np.ones((1, 3), np.float32), shape=(0, 3))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a tensor and a shape with which it broadcasts."""
    size, shape = values.broadcastable(draw, 2)
    return call("expand", x=tensors(draw, size), shape=shape)
