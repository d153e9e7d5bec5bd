"""Cases of ``symmetric_scale``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import f32

CASES = Cases("symmetric_scale")


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: exact quotients, magnitudes, zeros and subnormal scales, tails, other codes."""
    new = CASES.named("exact", "SYM-S1", "multiples of 127 divide exactly")
    yield new.case(largest=np.ldexp(np.float32(127), np.arange(-100, 100, 7)))
    new = CASES.named("magnitudes", "SYM-S1", "a division by 127, for every exponent whose scale is a normal number")
    yield new.case(largest=np.abs(new.wide(300, low=-118, high=126)))
    new = CASES.named("small", "SYM-S2", "scales that are 0 or subnormal become 1, beside normal ones")
    small = f32([0, values.SUBNORMAL, 1e-40, values.TINY, 126 * values.TINY, 128 * values.TINY, 1e-36, 1e-30, 1])
    yield new.case(largest=small)
    new = CASES.named("largest", "SYM-S1", "the largest float32")
    yield new.case(largest=f32([values.LARGEST, 1e38, 1]))
    for size in values.FEW_TAILS:
        new = CASES.named(f"length-{size}", "SYM-S1", "the elements beyond the last full vector")
        yield new.case(largest=np.abs(new.reals(2, size, size=3)))
    yield CASES.named("scalar", "SYM-S1", "no axis").case(largest=np.float32(3.5))
    for code in (1, 63, 64, 100):
        new = CASES.named(f"code-{code}", "SYM-S3", "a largest code that is not 127, nor one more or less than is said")
        yield new.case(largest=np.abs(new.wide(60, low=-118, high=126)), largest_code=code)
    new = CASES.named("code-64-small", "SYM-S2 SYM-S3", "the smallest normal scale of 64 steps, and what is below it")
    small = f32([0, values.SUBNORMAL, 63 * values.TINY, 64 * values.TINY, 65 * values.TINY, 127 * values.TINY])
    yield new.case(largest=small, largest_code=64)


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw magnitudes from anywhere, and a largest code or none."""
    largest = np.abs(values.paint(draw, values.palette(draw, values.FINITE), values.shapes(draw)))
    if draw(st.booleans()):
        return call("symmetric_scale", largest=largest)
    return call("symmetric_scale", largest=largest, largest_code=values.whole(draw, 1, 127))
