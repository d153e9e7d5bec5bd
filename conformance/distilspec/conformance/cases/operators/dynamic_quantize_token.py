"""Cases of ``dynamic_quantize_token``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import f32
from distilspec.reference.contract.types import Array

CASES = Cases("dynamic_quantize_token")
ALL = "DYNT-S2 DYNT-S3 DYNT-S4"


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: tokens of different size, ties, both signs of the largest, small scales, tails."""
    new = CASES.named("tokens", ALL, "each token has a scale of its own")
    yield new.case(x=new.reals(2, 4, 33) * new.scales(2, 4, 1, low=-20, high=20))
    for name, largest in (("positive", 127), ("negative", -127)):
        new = CASES.named(f"ties-{name}", ALL, "a scale of exactly 1: ties of both signs in every code")
        yield new.case(x=np.concatenate([[largest], np.arange(-127, 127) + 0.5]).astype(np.float32)[np.newaxis])
    for exponent in (-100, -30, 30, 100):
        new = CASES.named(f"scale-2-to-{exponent}", "DYNT-S3 DYNT-S4", "the same, scaled")
        x = np.concatenate([[127], np.arange(-127, 127) + 0.5])
        yield new.case(x=np.ldexp(x, exponent).astype(np.float32)[np.newaxis])
    new = CASES.named("negative", "DYNT-S2", "tokens whose largest magnitude is that of a negative element, or all are")
    x = -np.abs(new.reals(4, 17))
    x[2:, ::2] *= np.float32(-0.5)
    yield new.case(x=x)
    new = CASES.named("zero-tokens", "DYNT-S3", "tokens of zeros, beside others")
    x = new.reals(5, 9)
    x[[1, 4]] = 0
    yield new.case(x=x)
    new = CASES.named("small-tokens", "DYNT-S3", "scales that are small, subnormal or 0, beside others")
    yield new.case(x=new.reals(6, 9) * f32([[1], [1e-30], [1e-36], [1e-38], [1e-41], [1]]))
    new = CASES.named(
        "float64", "DYNT-S1 DYNT-S4", "float64 beside ties is rounded to float32 first, and becomes the ties"
    )
    x = (np.arange(-127, 127) + 0.5) * (1 + np.resize([1, -1], 254) * 2.0**-30)
    yield new.case(x=np.concatenate([[127], x])[np.newaxis])
    for size in values.TAILS:
        for place in (0, -1):
            new = CASES.named(
                f"length-{size}-{'first' if place == 0 else 'last'}", ALL, "the largest element at an end"
            )
            x = new.reals(3, size)
            x[:, place] = 9, -9, 3
            yield new.case(x=x)
    for name, shape in (
        ("vector", (17,)),
        ("four-axes", (2, 1, 3, 17)),
        ("one-feature", (5, 1)),
        ("no-tokens", (0, 5)),
    ):
        new = CASES.named(name, ALL, "any number of axes before the last")
        yield new.case(x=new.reals(*shape, size=3))
    yield CASES.named("empty-tokens", "DYNT-S2 DYNT-S3", "tokens without features").case(x=np.zeros((3, 0), np.float32))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw reals of moderate size, or halves up to 127 with 127 among them."""
    shape = (*values.leading(draw), values.wide_size(draw))
    x: Array
    if draw(st.booleans()):
        x = values.paint(draw, values.palette(draw), shape)
    else:
        x = values.paint(draw, values.numbers(draw, -253, 253), shape) / np.float32(2)
        x[..., 0] = 127
    return call("dynamic_quantize_token", x=x.astype(np.float32))
