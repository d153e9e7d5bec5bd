"""Cases of ``l2_normalize``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import f32

CASES = Cases("l2_normalize")
BOTH = "L2N-S1 L2N-S2"


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: tails, axes, lengths around epsilon, zero vectors, magnitudes, infinities."""
    for size in (*values.TAILS, 769):
        new = CASES.named(f"length-{size}", BOTH, "the elements beyond the last full vector")
        yield new.case(x=new.reals(3, size, size=3))
    for axis in (0, 1, -1, -2):
        new = CASES.named(f"axis-{axis}", BOTH, "the axis along which it goes")
        yield new.case(x=new.reals(3, 5, 4, size=3), axis=axis)
    new = CASES.named("zero-vectors", "L2N-S2", "a zero vector stays zero, beside others")
    x = new.reals(5, 9)
    x[1], x[4] = 0, 0
    yield new.case(x=x)
    for epsilon in (1e-12, 1e-3, 1.0):
        new = CASES.named(
            f"epsilon-{epsilon:g}", "L2N-S2", "lengths below, at and above epsilon, which is compared with them"
        )
        x = new.reals(6, 9)
        x = x / np.sqrt((x * x).sum(axis=1, keepdims=True)) * f32([[0.01], [0.5], [0.999], [1.001], [2], [100]])
        yield new.case(x=x * np.float32(epsilon), epsilon=epsilon)
    new = CASES.named("one-element", BOTH, "a vector with a single element that is not zero")
    yield new.case(x=np.diag(f32([3, -4, 1e-3, 1e3, 0.5])))
    new = CASES.named("magnitudes", BOTH, "vectors of very different length, whose squares are normal numbers")
    yield new.case(x=new.reals(9, 17) * np.ldexp(np.float32(1), np.arange(-50, 58, 12)).reshape(9, 1))
    new = CASES.named("special", BOTH, "NaN and infinities spoil their vector and no other")
    x = new.reals(5, 9)
    x[1, 3], x[3, 8] = np.nan, np.inf
    yield new.case(x=x)
    yield CASES.named("empty", BOTH, "no vectors").case(x=np.zeros((0, 5), np.float32))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw vectors along any axis, and an epsilon."""
    shape = values.shapes(draw, least=1)
    axis, epsilon = values.axis(draw, len(shape)), values.choice(draw, (1e-12, 1e-3, 1.0))
    x = values.paint(draw, values.palette(draw, values.ANY), shape)
    return call("l2_normalize", x=x, axis=axis, epsilon=epsilon)
