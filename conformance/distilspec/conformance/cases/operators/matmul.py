"""Cases of ``matmul``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.products import products

CASES = Cases("matmul")

#: Shapes of stacks: heads, one operand repeated, the other, both, more axes on one side.
STACKS = (
    ("heads", (2, 3, 5, 4), (2, 3, 4, 6)),
    ("first-repeated", (1, 3, 4), (5, 4, 2)),
    ("second-repeated", (5, 3, 4), (1, 4, 2)),
    ("both-repeated", (2, 1, 3, 4), (1, 5, 4, 2)),
    ("first-without-axes", (3, 4), (2, 5, 4, 2)),
    ("second-without-axes", (2, 5, 3, 4), (4, 2)),
    ("no-matrices", (0, 3, 4), (1, 4, 2)),
)


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: tails in every direction, stacks of matrices, cancellation, magnitudes, infinities."""
    for name, aim, rows, inner, columns in products():
        new = CASES.named(name, "MM-S1", aim)
        yield new.case(a=new.reals(rows, inner), b=new.reals(inner, columns))
    new = CASES.named("inner-0", "MM-S1", "a sum of nothing is 0")
    yield new.case(a=np.zeros((3, 0), np.float32), b=np.zeros((0, 4), np.float32))
    for name, left, right in STACKS:
        new = CASES.named(name, "MM-S1 MM-S2", "which matrices meet")
        yield new.case(a=new.reals(*left), b=new.reals(*right))
    new = CASES.named("square", "MM-S1", "square matrices, which could be read as if they were transposed")
    yield new.case(a=new.reals(16, 16), b=new.reals(16, 16))
    new = CASES.named("whole", "MM-S1", "sums that float32 holds exactly, up to 2**24; bfloat16 and float16 do not")
    a, b = new.integers((3, 33), -300, 300), new.integers((33, 5), -300, 300)
    yield new.case(a=a.astype(np.float32), b=b.astype(np.float32))
    new = CASES.named("cancellation", "MM-S1", "large terms that cancel, among columns where none do")
    b = new.reals(40, 7, size=1000)
    b[20:, :3] = -b[:20, :3]
    a = new.reals(6, 40)
    a[:2, 20:] = a[:2, :20]
    yield new.case(a=a, b=b)
    new = CASES.named("magnitudes", "MM-S1", "rows and columns of very different size")
    a, b = new.reals(6, 33) * new.scales(6, 1, low=-30, high=30), new.reals(33, 9) * new.scales(9, low=-30, high=30)
    yield new.case(a=a, b=b)
    new = CASES.named("special", "MM-S1", "NaN and infinities spoil their row and no other")
    a = new.reals(6, 17)
    a[1, 3], a[3, 16], a[4, 0] = np.nan, np.inf, -np.inf
    yield new.case(a=a, b=new.reals(17, 5))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a product with a wide and a narrow size, and stacks that broadcast."""
    inner, columns = values.wide_and_narrow(draw)
    rows, stack = values.narrow_size(draw), values.leading(draw)
    left, right = (values.some_ones(draw, stack) for _ in range(2))
    first, second = values.palette(draw, values.NOT_EXTREME), values.palette(draw)
    b = values.paint(draw, second, (*right, inner, columns))
    return call("matmul", a=values.paint(draw, first, (*left, rows, inner)), b=b)
