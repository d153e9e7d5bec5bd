"""Cases of ``asymmetric_scale``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import f32

CASES = Cases("asymmetric_scale")
ALL = "ASYM-S1 ASYM-S2 ASYM-S4"


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: ranges of one sign, ties of the zero point, magnitudes, subnormal scales, tails."""
    new = CASES.named("ties", "ASYM-S4", "every zero point that is a tie, and every one that is exact")
    low = np.arange(511, dtype=np.float32) / np.float32(2)
    yield new.case(minimum=-low, maximum=255 - low)
    for exponent in (-100, -20, 20, 100):
        new = CASES.named(f"ties-scale-2-to-{exponent}", "ASYM-S2 ASYM-S4", "the same, scaled")
        yield new.case(minimum=np.ldexp(-low, exponent), maximum=np.ldexp(255 - low, exponent))
    new = CASES.named("one-sign", "ASYM-S1", "ranges that lie on one side of 0 are widened to hold it")
    ends = np.sort(np.abs(new.reals(2, 20, size=9)), axis=0)
    yield new.case(minimum=np.concatenate([ends[0], -ends[1]]), maximum=np.concatenate([ends[1], -ends[0]]))
    new = CASES.named("magnitudes", ALL, "ranges of every size")
    minimum, maximum = -np.abs(new.wide(300, low=-100, high=125)), np.abs(new.wide(300, low=-100, high=125))
    yield new.case(minimum=minimum, maximum=maximum)
    new = CASES.named("similar", ALL, "ranges whose ends have about the same size, so that zero points are any codes")
    width = new.scales(200, low=-60, high=60)
    shares = new.units(2, 200).astype(np.float32)
    yield new.case(minimum=-width * shares[0], maximum=width * shares[1])
    new = CASES.named("small", "ASYM-S3", "scales that are 0 or subnormal become 1, beside normal ones")
    small = f32([0, values.SUBNORMAL, 1e-40, values.TINY, 127 * values.TINY, 130 * values.TINY, 1e-35, 1e-30, 1])
    yield new.case(minimum=-small, maximum=small)
    for size in values.FEW_TAILS:
        new = CASES.named(f"length-{size}", ALL, "the elements beyond the last full vector")
        yield new.case(minimum=-np.abs(new.reals(2, size, size=3)), maximum=np.abs(new.reals(2, size, size=3)))
    yield CASES.named("scalar", ALL, "no axis").case(minimum=np.float32(-1.5), maximum=np.float32(3.5))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw ranges of moderate size, or with ends in halves and a width of 255."""
    shape = values.shapes(draw)
    if draw(st.booleans()):
        ends = np.sort(values.paint(draw, values.palette(draw), (2, *shape)), axis=0)
        return call("asymmetric_scale", minimum=ends[0], maximum=ends[1])
    low = values.paint(draw, values.numbers(draw, -2, 512), shape).astype(np.float32) / np.float32(2)
    return call("asymmetric_scale", minimum=-low, maximum=255 - low)
