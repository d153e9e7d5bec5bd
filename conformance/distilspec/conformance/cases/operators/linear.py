"""Cases of ``linear``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.products import products

CASES = Cases("linear")
BOTH = "LIN-S1 LIN-S2"


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: tails in every direction, ranks, absent bias, cancellation, magnitudes, infinities."""
    for name, aim, rows, inner, columns in products():
        new = CASES.named(name, BOTH, aim)
        yield new.case(x=new.reals(rows, inner), weight=new.reals(columns, inner), bias=new.reals(columns))
    new = CASES.named("inner-0", BOTH, "a sum of nothing is 0, and the bias remains")
    yield new.case(x=np.zeros((3, 0), np.float32), weight=np.zeros((4, 0), np.float32), bias=new.reals(4))
    new = CASES.named("no-bias", "LIN-S1", "an absent bias")
    yield new.case(x=new.reals(3, 17), weight=new.reals(9, 17))
    new = CASES.named("square", "LIN-S1", "a square weight, which could be read as if it were transposed")
    yield new.case(x=new.reals(4, 16), weight=new.reals(16, 16))
    for name, shape in (("vector", (17,)), ("three-axes", (2, 3, 17)), ("four-axes", (2, 1, 3, 17))):
        new = CASES.named(name, BOTH, "any number of axes before the last")
        yield new.case(x=new.reals(*shape), weight=new.reals(5, 17), bias=new.reals(5))
    new = CASES.named("weight-fed", BOTH, "a weight that is no constant")
    yield new.case(x=new.reals(3, 17), weight=new.reals(5, 17), bias=new.reals(5), fed=("weight", "bias"))
    new = CASES.named("whole", BOTH, "sums that float32 holds exactly, up to 2**24; bfloat16 and float16 do not")
    x, weight = new.integers((3, 33), -300, 300), new.integers((5, 33), -300, 300)
    yield new.case(
        x=x.astype(np.float32), weight=weight.astype(np.float32), bias=new.integers((5,), -9, 9) * np.float32(1)
    )
    new = CASES.named("cancellation", BOTH, "large terms that cancel, among rows where none do")
    x = new.reals(6, 40)
    x[:2, 20:] = x[:2, :20]
    weight = new.reals(7, 40)
    weight[:3, 20:] = -weight[:3, :20]
    yield new.case(x=x * np.float32(1000), weight=weight, bias=new.reals(7))
    new = CASES.named("magnitudes", BOTH, "rows and outputs of very different size")
    x, weight = (
        new.reals(6, 33) * new.scales(6, 1, low=-30, high=30),
        new.reals(9, 33) * new.scales(9, 1, low=-30, high=30),
    )
    yield new.case(x=x, weight=weight, bias=np.zeros(9, np.float32))
    new = CASES.named("tiny", BOTH, "operands of about 1e-15, whose products are normal numbers still")
    yield new.case(x=new.reals(3, 17, size=1e-15), weight=new.reals(5, 17, size=1e-15), bias=new.reals(5, size=1e-28))
    new = CASES.named("huge", BOTH, "operands of about 1e15, beyond float16 and not beyond float32")
    yield new.case(x=new.reals(3, 17, size=1e15), weight=new.reals(5, 17, size=1e15), bias=new.reals(5, size=1e30))
    new = CASES.named("large-bias", "LIN-S2", "a bias much larger than the sum")
    yield new.case(x=new.reals(3, 17), weight=new.reals(5, 17), bias=new.reals(5, size=1e4))
    new = CASES.named("special", BOTH, "NaN and infinities spoil their row and no other")
    x = new.reals(6, 17)
    x[1, 3], x[3, 16], x[4, 0] = np.nan, np.inf, -np.inf
    yield new.case(x=x, weight=new.reals(5, 17), bias=new.reals(5))
    new = CASES.named("zero-rows", BOTH, "rows and outputs that are zero, so that the bias alone remains")
    x, weight = new.reals(4, 17), new.reals(6, 17)
    x[1], weight[2], weight[5] = 0, 0, 0
    yield new.case(x=x, weight=weight, bias=new.reals(6))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a product with a wide and a narrow size."""
    inner, outer = values.wide_and_narrow(draw)
    leading, biased = values.leading(draw), draw(st.booleans())
    colours, weights = values.palette(draw, values.NOT_EXTREME), values.palette(draw)
    bias = values.paint(draw, weights, (outer,)) if biased else None
    weight = values.paint(draw, weights, (outer, inner))
    return call("linear", x=values.paint(draw, colours, (*leading, inner)), weight=weight, bias=bias)
