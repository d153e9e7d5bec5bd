"""Cases of ``softmax``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import boolean, f32, i64

CASES = Cases("softmax")
FORMULA = "SM-S1 SM-S2 SM-S3"


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: tails, large logits and gaps, axes, masks of all kinds, infinities."""
    for size in (*values.TAILS, 511, 4097):
        new = CASES.named(
            f"length-{size}", FORMULA, "the entries beyond the last full vector, in the maximum and the sum"
        )
        yield new.case(x=new.reals(3, size, size=4))
        new = CASES.named(f"length-{size}-masked", f"{FORMULA} SM-S4", "the same, with a mask")
        mask = new.mask(3, size)
        mask[:, -1] = [True, False, True]
        yield new.case(x=new.reals(3, size, size=4), mask=mask)
    for level in (10.0, 100.0, 1e4, 1e30):
        new = CASES.named(f"logits-{level:g}", FORMULA, "without the maximum subtracted, exp overflows or vanishes")
        x = np.concatenate([new.reals(6, 4) + np.float32(level), new.reals(6, 3) - np.float32(level)], axis=1)
        yield new.case(x=x + f32([[0], [0], [level], [-level], [0], [0]]))
    new = CASES.named("gaps", "SM-S2 SM-S3", "entries far below the largest: small, subnormal and vanishing weights")
    gaps = f32([0, 1, 16.63, 17.33, 40, 80, 87.3, 88.72, 95, 103.9, 104, 200])
    yield new.case(x=np.stack([-gaps, 50 - gaps, -gaps - 50, np.where(gaps > 17, -gaps, new.reals(12))]))
    new = CASES.named("equal", "SM-S3", "equal entries share evenly, whatever their size")
    yield new.case(x=f32([[0], [-7.5], [1e4], [3e38], [-3e38]]) + np.zeros((5, 7), np.float32))
    for axis in (0, 1, -1, -2):
        new = CASES.named(f"axis-{axis}", FORMULA, "the axis along which it goes")
        yield new.case(x=new.reals(3, 5, 4, size=4), axis=axis)
    new = CASES.named("mask-ends", "SM-S4", "only the first or the last entry, or all but it, are kept")
    mask = np.zeros((4, 17), np.bool_)
    mask[0, 0], mask[1, -1], mask[2, 1:], mask[3, :-1] = True, True, True, True
    yield new.case(x=new.reals(4, 17, size=4), mask=mask)
    new = CASES.named("mask-broadcasts", "SM-S4", "one mask for all heads and queries of a sequence")
    yield new.case(x=new.reals(2, 3, 4, 9, size=4), mask=np.arange(9) < i64([5, 9]).reshape(2, 1, 1, 1))
    new = CASES.named("mask-by-row", "SM-S4 SM-S5", "a mask with one entry a row")
    yield new.case(x=new.reals(4, 9, size=4), mask=boolean([[True], [False], [True], [True]]))
    new = CASES.named("mask-on-axis-0", "SM-S4 SM-S5", "a masked axis that is not the last")
    mask = new.mask(6, 7)
    mask[:, 3] = False
    yield new.case(x=new.reals(6, 7, size=4), mask=mask, axis=0)
    new = CASES.named("masked-is-largest", "SM-S1 SM-S4", "what is masked exceeds the rest by more than 10000")
    mask = new.mask(5, 17)
    mask[:, 0] = True
    yield new.case(x=np.where(mask, new.reals(5, 17, size=4), np.float32(1e9)), mask=mask)
    new = CASES.named("masked-is-near", "SM-S1 SM-S3 SM-S4", "what is masked is no part of the maximum and of the sum")
    yield new.case(x=np.where(mask, new.reals(5, 17), np.float32(90)), mask=mask)
    new = CASES.named("masked-special", "SM-S4", "NaN and infinities where nothing is kept")
    x = np.where(mask, new.reals(5, 17, size=4), np.resize(values.SPECIAL[:3], (5, 17)))
    yield new.case(x=x, mask=mask)
    new = CASES.named("all-masked", "SM-S5", "rows without a kept entry, among others, and what they hold")
    x, mask = new.reals(6, 17, size=4), new.mask(6, 17)
    mask[[0, 2, 5]], mask[[1, 3, 4], 0] = False, True
    x[2, 3], x[5, 4] = np.nan, np.inf
    yield new.case(x=x, mask=mask)
    new = CASES.named(
        "special", "SM-S1 SM-S2 SM-S3", "a kept -infinity has no weight; NaN and +infinity spoil their row"
    )
    x = new.reals(6, 9, size=4)
    x[0, 2], x[1, 8], x[2, 0], x[3, :8] = -np.inf, np.nan, np.inf, -np.inf
    yield new.case(x=x)
    yield CASES.named("empty-axis", "SM-S5", "rows without entries").case(x=np.zeros((2, 0), np.float32))
    yield CASES.named("no-rows", "SM-S3", "no rows").case(x=np.zeros((0, 5), np.float32))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw logits from anywhere, with a mask or without, along any axis."""
    shape = values.shapes(draw, least=1)
    axis, masked = values.axis(draw, len(shape)), draw(st.booleans())
    colours = values.palette(draw, values.ANY)
    mask = values.masks(draw, values.some_ones(draw, shape)) if masked else None
    return call("softmax", x=values.paint(draw, colours, shape), mask=mask, axis=axis)
