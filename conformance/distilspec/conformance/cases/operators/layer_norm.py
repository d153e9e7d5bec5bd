"""Cases of ``layer_norm``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import f32

CASES = Cases("layer_norm")
ALL = "LN-S1 LN-S2 LN-S3 LN-S4 LN-S5"


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: tails, large means, rows without variance, every epsilon, scales, infinities."""
    for size in (2, *values.TAILS[1:], 312, 769, 4097):
        new = CASES.named(f"features-{size}", ALL, "the features beyond the last full vector, in both passes")
        yield new.case(
            x=new.reals(4, size, size=3), weight=new.reals(size, size=2), bias=new.reals(size), epsilon=1e-12
        )
    for rows in (0, 1, 2, 5, 17):
        new = CASES.named(f"rows-{rows}", ALL, "each row has a mean of its own")
        x = new.reals(rows, 24) + np.arange(rows, dtype=np.float32)[:, np.newaxis]
        yield new.case(x=x, weight=new.reals(24, size=2), bias=new.reals(24), epsilon=1e-5)
    for mean in (30, 100, 300, 1000, 3000):
        for size in (24, 768):
            new = CASES.named(f"mean-{mean}-features-{size}", "LN-S1 LN-S2 LN-S3", "E[x^2] - E[x]^2 cancels")
            x = new.reals(3, size) + np.float32(mean)
            yield new.case(x=x, weight=new.reals(size, size=2), bias=new.reals(size), epsilon=1e-12)
    for epsilon in (1e-12, 1e-5, 1e-3, 1.0, 0.0):
        new = CASES.named(f"epsilon-{epsilon:g}", "LN-S4", "epsilon is added under the root, and is this one")
        x = new.reals(5, 16) * f32([[1], [0.1], [1e-2], [3e-3], [10]])
        yield new.case(x=x, weight=new.reals(16, size=2), bias=new.reals(16), epsilon=epsilon)
    new = CASES.named("small-variance", "LN-S4", "a variance far below epsilon")
    yield new.case(x=new.reals(4, 16, size=1e-5), weight=new.reals(16, size=2), bias=new.reals(16), epsilon=1e-5)
    new = CASES.named("constant-rows", "LN-S4 LN-S5", "rows without variance give the bias, beside rows with some")
    x = new.reals(8, 16)
    x[::3] = f32([[0], [1], [1024]])
    yield new.case(x=x, weight=new.reals(16, size=2), bias=new.reals(16), epsilon=1e-12)
    new = CASES.named("outlier", ALL, "one feature far from the others, as in trained encoders")
    x = new.reals(4, 48)
    x[[0, 1, 2, 3], [0, 47, 13, 32]] = 60, -60, 300, -1000
    yield new.case(x=x, weight=new.reals(48, size=2), bias=new.reals(48), epsilon=1e-12)
    for exponent in (-30, -15, 15, 30):
        new = CASES.named(f"scale-2-to-{exponent}", ALL, "the same row, scaled: epsilon is small beside it")
        x = np.ldexp(new.reals(4, 33), exponent)
        yield new.case(x=x, weight=new.reals(33, size=2), bias=new.reals(33), epsilon=1e-30)
    new = CASES.named("weights", "LN-S5", "weights that are zero, negative and large, and a bias that is not scaled")
    weight = np.resize(f32([0, -1, 1, 100, -0.01]), 24)
    yield new.case(x=new.reals(3, 24), weight=weight, bias=new.reals(24, size=5), epsilon=1e-5)
    new = CASES.named("one-feature", "LN-S5", "a single feature is its own mean")
    yield new.case(x=new.reals(3, 1), weight=f32([2]), bias=f32([0.5]), epsilon=1e-12)
    for name, shape in (("vector", (17,)), ("four-axes", (2, 1, 3, 17))):
        new = CASES.named(name, ALL, "any number of axes before the last")
        yield new.case(x=new.reals(*shape), weight=new.reals(17, size=2), bias=new.reals(17), epsilon=1e-12)
    new = CASES.named("special", ALL, "NaN and infinities spoil their row and no other")
    x = new.reals(5, 17)
    x[1, 3], x[3, 16], x[4, 0] = np.nan, np.inf, -np.inf
    yield new.case(x=x, weight=new.reals(17, size=2), bias=new.reals(17), epsilon=1e-12)


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw rows with and without a large mean, and any usual epsilon."""
    size, leading = values.wide_size(draw), values.leading(draw)
    epsilon = values.choice(draw, (1e-12, 1e-5, 1e-3, 1.0))
    colours, parameters = values.palette(draw, values.NOT_EXTREME), values.palette(draw)
    weight, bias = values.paint(draw, parameters, (size,)), values.paint(draw, parameters, (size,))
    x = values.paint(draw, colours, (*leading, size))
    return call("layer_norm", x=x, weight=weight, bias=bias, epsilon=epsilon)
