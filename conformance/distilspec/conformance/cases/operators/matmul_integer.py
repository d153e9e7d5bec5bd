"""Cases of ``matmul_integer``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.products import products
from distilspec.conformance.goldens.build import i8, u8

CASES = Cases("matmul_integer")
BOTH = "MMI-S1 MMI-S2"

#: Zero points at both ends, odd ones, and those beyond 127.
ZERO_POINTS = tuple(u8([0, 1, 127, 128, 131, 255])) + tuple(i8([-128, -1, 0, 1, 127]))

#: Pairs of codes whose products leave 16 bits when two of them are added.
SATURATING = (("255-m128", 255, -128), ("255-127", 255, 127), ("128-m128", 128, -128), ("200-m100", 200, -100))


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: tails, saturating pairs, zero points, signs, stacks, the longest sum."""
    for name, aim, rows, inner, columns in products():
        new = CASES.named(name, "MMI-S1", aim)
        a, b = new.codes(np.uint8, rows, inner), new.codes(np.int8, inner, columns)
        yield new.case(a=a, b=b, a_zero_point=np.uint8(131))
    new = CASES.named("inner-0", "MMI-S1", "a sum of nothing is 0")
    yield new.case(a=np.zeros((2, 0), np.uint8), b=np.zeros((0, 3), np.int8), a_zero_point=np.uint8(131))
    for name, left, right in SATURATING:
        for size in (2, 3, 4, 16, 17, 32, 64, 65, 512):
            new = CASES.named(f"pairs-{name}-{size}", BOTH, "pairs of products beyond 16 bits, in sums of every length")
            a = np.full((2, size), left, np.uint8)
            a[1, ::2] = 0
            b = np.full((size, 3), right, np.int8)
            b[::2, 1], b[1::3, 2] = 1, -right if right > -128 else 127
            yield new.case(a=a, b=b)
    new = CASES.named("m128-squared", "MMI-S1", "-128 * -128, which 8 bits cannot negate")
    a, b = np.full((2, 33), -128, np.int8), np.full((33, 3), -128, np.int8)
    a[1, ::2], b[::3, 1] = 127, 0
    yield new.case(a=a, b=b)
    for first in (np.uint8, np.int8):
        for second in (np.uint8, np.int8):
            name = f"{np.dtype(first)}-{np.dtype(second)}"
            new = CASES.named(f"types-{name}", BOTH, "signed and unsigned codes on both sides")
            yield new.case(a=new.codes(first, 5, 37), b=new.codes(second, 37, 7))
            new = CASES.named(f"types-{name}-zero-points", "MMI-S1", "the same, with a zero point on both sides")
            yield new.case(
                a=new.codes(first, 5, 37),
                b=new.codes(second, 37, 7),
                a_zero_point=new.codes(first),
                b_zero_point=new.codes(second),
            )
    for zero_point in ZERO_POINTS:
        name = f"{zero_point.dtype}-zero-point-{zero_point}"
        new = CASES.named(f"a-{name}", "MMI-S1", "the zero point of every term, tails included")
        a, b = new.codes(zero_point.dtype, 3, 37), new.codes(np.int8, 37, 5)
        yield new.case(a=a, b=b, a_zero_point=zero_point)
        new = CASES.named(f"b-{name}", "MMI-S1", "the zero point of the second operand")
        a, b = new.codes(np.uint8, 3, 37), new.codes(zero_point.dtype, 37, 5)
        yield new.case(a=a, b=b, b_zero_point=zero_point)
    new = CASES.named("row-zero-points", "MMI-S1", "a zero point for each row, and for each column")
    yield new.case(
        a=new.codes(np.uint8, 5, 37),
        b=new.codes(np.int8, 37, 7),
        a_zero_point=new.codes(np.uint8, 5, 1),
        b_zero_point=new.codes(np.int8, 1, 7),
    )
    new = CASES.named("stacks-heads", "MMI-S1", "stacks of matrices")
    yield new.case(a=new.codes(np.uint8, 2, 3, 5, 9), b=new.codes(np.int8, 2, 3, 9, 4), a_zero_point=np.uint8(131))
    new = CASES.named("stacks-repeated", "MMI-S1", "stacks of matrices in which both operands are repeated")
    yield new.case(a=new.codes(np.uint8, 2, 1, 5, 9), b=new.codes(np.int8, 3, 9, 4), a_zero_point=np.uint8(131))
    new = CASES.named("b-fed", "MMI-S1", "a second operand that is no constant")
    yield new.case(a=new.codes(np.uint8, 3, 37), b=new.codes(np.int8, 37, 5), a_zero_point=np.uint8(131), fed=("b",))
    new = CASES.named("zeros", "MMI-S1", "rows at the zero point and columns of zeros, beside others")
    a, b = new.codes(np.uint8, 4, 37), new.codes(np.int8, 37, 6)
    a[1], b[:, [0, 4]] = 131, 0
    yield new.case(a=a, b=b, a_zero_point=np.uint8(131))
    new = CASES.named("longest", "MMI-S1", "the longest sum, beyond what float32 holds")
    a, b = np.full((1, 33025), 255, np.uint8), np.full((33025, 2), 127, np.int8)
    a[0, 5], b[7, 1] = 254, -128
    yield new.case(a=a, b=b)


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw codes of both types, mostly over their full range, and zero points or none."""
    inner, columns = values.wide_and_narrow(draw)
    rows = (*values.leading(draw), values.narrow_size(draw))
    left, right = (values.codes(draw, values.choice(draw, (np.uint8, np.int8))) for _ in range(2))
    a_zero_point = values.paint(draw, left, ()) if draw(st.booleans()) else None
    b_zero_point = values.paint(draw, right, ()) if draw(st.booleans()) else None
    b = values.paint(draw, right, (inner, columns))
    a = values.paint(draw, left, (*rows, inner))
    return call("matmul_integer", a=a, b=b, a_zero_point=a_zero_point, b_zero_point=b_zero_point)
