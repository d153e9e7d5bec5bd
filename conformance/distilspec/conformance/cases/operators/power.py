"""Cases of ``power``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.binary import BROADCASTS
from distilspec.conformance.goldens.build import f32

CASES = Cases("power")

#: Exponents of models (squares, roots, cubes) and others that are whole, odd, negative or neither.
EXPONENTS = f32([0, 1, 2, 3, -1, -2, 0.5, -0.5, 1 / 3, 4, 7, -3, 1.5])


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: exponents of models, special pairs, negative bases, overflow, broadcasting, tails."""
    new = CASES.named("exponents", "POW-S1 POW-S2", "every common exponent of positive bases of all sizes")
    yield new.case(a=np.abs(new.wide(40, 1, low=-8, high=8)), b=EXPONENTS)
    new = CASES.named("negative-bases", "POW-S1 POW-S3", "odd powers keep the sign, even ones lose it, others are NaN")
    yield new.case(a=-np.abs(new.wide(20, 1, low=-8, high=8)), b=EXPONENTS)
    new = CASES.named("special", "POW-S2 POW-S3 POW-S4", "every pair of NaN, infinities, zeros and ones")
    yield new.case(a=values.SPECIAL[:, np.newaxis], b=np.concatenate([values.SPECIAL, EXPONENTS]))
    new = CASES.named("near-one", "POW-S1", "a base beside 1 and a large exponent: the logarithm must be exact")
    near = np.float32(1) + new.reals(8, 1, size=2.0**-9)
    yield new.case(a=near, b=f32([100, -100, 1000, 3000]))
    new = CASES.named("far", "POW-S1", "results near the ends of the range")
    yield new.case(a=f32([[2], [4], [0.5], [1.5]]), b=f32([30.5, 31, -30.5, -31, 60, -60, 62.9]))
    for name, left, right in BROADCASTS:
        new = CASES.named(f"broadcast-{name}", "POW-S1", "the operand that is repeated")
        yield new.case(a=np.abs(new.reals(*left, size=4)), b=new.reals(*right, size=4))
    for size in values.FEW_TAILS:
        new = CASES.named(f"squares-{size}", "POW-S1", "the elements beyond the last full vector")
        yield new.case(a=new.reals(size, size=4), b=np.float32(2))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw bases from anywhere, and exponents that are common, small or from anywhere."""
    left, right = values.broadcastable(draw, 2)
    bases = values.palette(draw, values.ANY)
    exponents = values.palette(draw, ("whole", "ordinary", "special"), EXPONENTS.tolist())
    return call("power", a=values.paint(draw, bases, left), b=values.paint(draw, exponents, right))
