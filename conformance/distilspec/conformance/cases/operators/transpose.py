"""Cases of ``transpose``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.layout import TYPES, numbered, tensors

CASES = Cases("transpose")


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: every order of three axes, heads, types, tails of blocks, empty tensors."""
    for axes in permutations(range(3)):
        new = CASES.named(f"axes-{''.join(map(str, axes))}", "TRAN-S1", "the order and not its inverse")
        yield new.case(x=new.reals(2, 3, 5), axes=axes)
    new = CASES.named("heads", "TRAN-S1", "as attention does")
    yield new.case(x=new.reals(2, 5, 3, 4), axes=(0, 2, 1, 3))
    new = CASES.named("keys", "TRAN-S1", "as attention does with its keys")
    yield new.case(x=new.reals(2, 5, 3, 4), axes=(0, 2, 3, 1))
    for dtype in TYPES:
        new = CASES.named(f"type-{dtype}", "TRAN-S1", "every bit")
        yield new.case(x=numbered(dtype, 3, 5), axes=(1, 0))
    for size in values.FEW_TAILS:
        new = CASES.named(f"square-{size}", "TRAN-S1", "the elements beyond the last full block")
        yield new.case(x=new.reals(size, size), axes=(1, 0))
    yield CASES.named("empty", "TRAN-S1", "no elements, and a new shape").case(
        x=np.zeros((0, 3), np.float32), axes=(1, 0)
    )


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a tensor and an order of its axes."""
    x = tensors(draw, values.shapes(draw, least=1, most=4))
    return call("transpose", x=x, axes=values.order(draw, x.ndim))
