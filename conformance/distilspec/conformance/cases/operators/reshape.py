"""Cases of ``reshape``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.layout import TYPES, numbered, tensors
from distilspec.conformance.goldens.build import f32

CASES = Cases("reshape")


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: types, heads split and joined, -1 in every place, sizes 0 and 1."""
    for dtype in TYPES:
        new = CASES.named(f"type-{dtype}", "RESH-S1", "every bit, in order")
        yield new.case(x=numbered(dtype, 4, 6), shape=(2, 3, 4))
    new = CASES.named("split-heads", "RESH-S1", "as attention does")
    yield new.case(x=new.reals(2, 5, 12), shape=(2, 5, 3, 4))
    for index, shape in enumerate([(-1, 4), (2, -1), (3, -1, 2), (-1,), (1, 1, -1)]):
        new = CASES.named(f"inferred-{index}", "RESH-S2", "-1 is what is left, not a size of x")
        yield new.case(x=new.reals(3, 8), shape=shape)
    new = CASES.named("zero", "RESH-S3", "0 is the size 0 and copies nothing")
    yield new.case(x=np.zeros((3, 0, 2), np.float32), shape=(0, 5))
    new = CASES.named("zero-elsewhere", "RESH-S3", "0 stands where x has another size")
    yield new.case(x=np.zeros((4, 0), np.float32), shape=(2, 0, 3))
    yield CASES.named("scalar", "RESH-S1", "one element with no axis").case(x=f32([[7]]), shape=())


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a tensor and the sizes of another with as many elements, one of them perhaps -1."""
    x = tensors(draw, values.shapes(draw, least=1))
    sizes = [(*x.shape, 1)[place] for place in values.order(draw, x.ndim + 1)]
    joined = [sizes[0] * sizes[1], *sizes[2:]] if draw(st.booleans()) else list(sizes)
    if draw(st.booleans()):
        joined[values.whole(draw, 0, len(joined) - 1)] = -1
    return call("reshape", x=x, shape=tuple(joined))
