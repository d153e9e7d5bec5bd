"""Cases of ``dynamic_quantize``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import f32
from distilspec.reference.contract.types import Array

CASES = Cases("dynamic_quantize")
RANGE = "DYN-S2 DYN-S3 DYN-S4"
ALL = f"{RANGE} DYN-S5"


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: ranges of one sign and of both, ties of codes and zero points, small scales, tails."""
    for name, shift in (("positive", 5), ("negative", -5), ("both", 0)):
        new = CASES.named(name, ALL, "a range always holds 0")
        yield new.case(x=new.reals(4, 33, size=4) + np.float32(shift))
    for low in (0, 1, 2, 63, 127, 128, 200, 254, 255):
        new = CASES.named(f"zero-point-{low}", ALL, "a scale of exactly 1: ties of both signs in every code")
        x = np.concatenate([[-low, 255 - low], np.arange(-low, 255 - low) + 0.5]).astype(np.float32)
        yield new.case(x=x)
    for tie in (0.5, 1.5, 2.5, 127.5, 128.5, 253.5, 254.5):
        new = CASES.named(f"zero-point-tie-{tie:g}", "DYN-S4 DYN-S5", "the zero point is itself a tie")
        yield new.case(x=np.concatenate([f32([-tie, 255 - tie]), np.arange(40) - np.float32(tie // 1)]))
    for exponent in (-100, -30, 30, 100):
        new = CASES.named(f"scale-2-to-{exponent}", "DYN-S3 DYN-S5", "the same, scaled")
        x = np.concatenate([[-60, 195], np.arange(-60, 195) + 0.5])
        yield new.case(x=np.ldexp(x, exponent).astype(np.float32))
    for value in (0.0, 7.0, -7.0, 1e-3, -1e30):
        new = CASES.named(f"constant-{value:g}", RANGE, "a tensor of one value")
        yield new.case(x=np.full((2, 3), value, np.float32))
    for level in (1e-36, 1e-39, 1e-42):
        new = CASES.named(f"size-{level:g}", "DYN-S3", "a scale that is small, subnormal or 0")
        yield new.case(x=new.reals(3, 4, size=level))
    new = CASES.named(
        "float64", "DYN-S1 DYN-S5", "float64 beside ties is rounded to float32 first, and becomes the ties"
    )
    beside = (np.arange(-60, 195) + 0.5) * (1 + np.resize([1, -1], 255) * 2.0**-30)
    yield new.case(x=np.concatenate([[-60, 195], beside]))
    for size in values.TAILS:
        for place in (0, -1):
            new = CASES.named(
                f"length-{size}-{'first' if place == 0 else 'last'}", RANGE, "the largest element at an end"
            )
            x = new.reals(1, size)
            x[0, place] = 9
            yield new.case(x=x)
    new = CASES.named("rows", ALL, "the smallest and the largest element in later rows")
    x = new.reals(5, 17)
    x[3, 16], x[4, 0] = -6, 11
    yield new.case(x=x)
    new = CASES.named("four-axes", ALL, "any rank")
    yield new.case(x=new.reals(2, 1, 3, 17, size=3))
    yield CASES.named("empty", RANGE, "no elements: the range is 0 to 0").case(x=np.zeros((2, 0), np.float32))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw reals of moderate size, or halves between -100 and 155 with both ends among them."""
    shape = values.shapes(draw, least=1)
    x: Array
    if draw(st.booleans()):
        x = values.paint(draw, values.palette(draw), shape).ravel()
    else:
        x = values.paint(draw, values.numbers(draw, -200, 310), shape).ravel() / np.float32(2)
        x[:1], x[-1:] = -100, 155
    return call("dynamic_quantize", x=x.reshape(shape).astype(np.float32))
