"""Cases of ``quantized_linear``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, Draft, call
from distilspec.conformance.cases.families.products import products
from distilspec.conformance.cases.operators.matmul_integer import SATURATING
from distilspec.conformance.goldens.build import f32, i8, u8

CASES = Cases("quantized_linear")
FORMULA = "QL-S1 QL-S2 QL-S3"
ZERO_POINTS = tuple(u8([0, 1, 127, 128, 255])) + tuple(i8([-128, -1, 0, 1, 127]))


def layer(new: Draft, rows: int = 3, inner: int = 37, outer: int = 5, **others: Any) -> Case:
    """Return a case of u8 activations with the zero point 131, and a bias, with some operands replaced."""
    operands = {
        "x": new.codes(np.uint8, rows, inner),
        "x_scale": np.float32(0.02),
        "x_zero_point": np.uint8(131),
        "weight": new.codes(np.int8, outer, inner),
        "weight_scale": new.scales(outer, low=-10, high=-6),
        "bias": new.reals(outer, size=4),
    }
    return new.case(**(operands | others))


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: tails, saturating pairs, zero points, scales, bias, tokens, requantisation."""
    for name, aim, rows, inner, columns in products():
        yield layer(CASES.named(name, FORMULA, aim), rows, inner, columns)
    yield layer(CASES.named("inner-0", "QL-S1 QL-S3", "a sum of nothing is 0, and the bias remains"), 3, 0, 4)
    for name, left, right in SATURATING:
        for size in (2, 3, 4, 16, 17, 32, 64, 65, 512):
            new = CASES.named(
                f"pairs-{name}-{size}", "QL-S1", "pairs of products beyond 16 bits, in sums of every length"
            )
            x, weight = np.full((2, size), left, np.uint8), np.full((3, size), right, np.int8)
            x[1, ::2] = 0
            weight[1, ::2], weight[2, 1::3] = 1, -right if right > -128 else 127
            yield layer(new, outer=3, x=x, weight=weight, x_zero_point=np.uint8(0))
    for name, right in (("m64", -64), ("64", 64)):
        for size in (2, 4, 17, 64, 512):
            new = CASES.named(
                f"pairs-255-{name}-{size}", "QL-S1", "pairs of products that just fit into 16 bits, where fours do not"
            )
            weight = np.full((3, size), right, np.int8)
            weight[1, ::2], weight[2, ::3] = 0, -right
            yield layer(new, outer=3, x=np.full((2, size), 255, np.uint8), weight=weight, x_zero_point=np.uint8(0))
    for zero_point in ZERO_POINTS:
        name = f"{zero_point.dtype}-zero-point-{zero_point}"
        new = CASES.named(name, "QL-S1", "the zero point of every term, tails included")
        yield layer(new, x=new.codes(zero_point.dtype, 3, 37), x_zero_point=zero_point)
    for dtype in (np.uint8, np.int8):
        new = CASES.named(f"cancellation-{np.dtype(dtype)}", "QL-S1 QL-S2", "terms that cancel: sums must be exact")
        half, weight = new.codes(dtype, 2, 3, 32), new.integers((5, 32), -127, 127, np.int8)
        x = np.concatenate([half, half, half[..., :1]], axis=-1)
        weight = np.concatenate([weight, -weight, weight[:, :1]], axis=-1)
        yield layer(new, x=x, x_zero_point=dtype(3), weight=weight, bias=None)
    new = CASES.named("m128-weights", "QL-S1", "weights of -128, which 8 bits cannot negate")
    yield layer(new, weight=np.full((5, 37), -128, np.int8))
    new = CASES.named("zero-channels", "QL-S1 QL-S3", "outputs whose weights are all zero give their bias")
    weight = new.codes(np.int8, 5, 37)
    weight[[1, 4]] = 0
    yield layer(new, weight=weight)
    new = CASES.named("zero-tokens", "QL-S1 QL-S3", "tokens at the zero point give the bias")
    x = new.codes(np.uint8, 5, 37)
    x[[0, 3]] = 131
    yield layer(new, x=x)
    yield layer(CASES.named("no-bias", "QL-S1 QL-S2", "an absent bias"), bias=None)
    new = CASES.named("large-bias", "QL-S3", "a bias much larger than the sum")
    yield layer(new, bias=new.reals(5, size=1e5))
    new = CASES.named("fine-bias", "QL-S3", "a bias between two steps of the accumulator")
    yield layer(
        new,
        bias=new.reals(5, size=1e-3),
        weight=new.integers((5, 37), -1, 1, np.int8),
        weight_scale=new.scales(5, low=-3, high=-1),
    )
    new = CASES.named("channel-scales", "QL-S2", "scales of the outputs that differ by a factor of 1000000")
    yield layer(new, outer=9, weight_scale=new.scales(9, low=-20, high=0), bias=np.zeros(9, np.float32))
    for exponent in (-40, -20, 20, 40):
        new = CASES.named(f"scales-2-to-{exponent}", "QL-S2", "products of scales that are tiny or huge")
        scale = np.ldexp(np.float32(1.3), exponent)
        yield layer(new, x_scale=scale, weight_scale=new.scales(5, low=exponent, high=exponent), bias=None)
    new = CASES.named("whole", FORMULA, "powers of two everywhere: every legitimate result is exact")
    yield layer(new, x_scale=np.float32(0.5), weight_scale=f32([1, 2, 0.25, 4, 0.5]), bias=f32([1, -2, 3, 0.5, 0]))
    new = CASES.named("tokens", "QL-S2", "one scale a token, signed activations")
    x, x_scale = new.codes(np.int8, 4, 37), new.scales(4, 1, low=-12, high=2)
    yield layer(new, x=x, x_scale=x_scale, x_zero_point=np.int8(0))
    new = CASES.named("tokens-fed", "QL-S2 QL-S3", "one scale a token that is no constant, in three axes")
    x, x_scale = new.codes(np.int8, 2, 4, 37), new.scales(2, 4, 1, low=-12, high=2)
    yield layer(new, x=x, x_scale=x_scale, x_zero_point=np.int8(0), fed=("x_scale",))
    new = CASES.named(
        "scale-fed", FORMULA, "a scale and a zero point that are no constants, as in dynamic quantisation"
    )
    yield layer(new, fed=("x_scale", "x_zero_point"))
    for name, shape in (("vector", (37,)), ("three-axes", (2, 3, 37)), ("four-axes", (2, 1, 3, 37))):
        new = CASES.named(name, FORMULA, "any number of axes before the last")
        yield layer(new, x=new.codes(np.uint8, *shape))
    new = CASES.named("longest", "QL-S1", "the longest sum, beyond what float32 holds")
    x, weight = np.full((1, 33025), 255, np.uint8), np.full((2, 33025), 127, np.int8)
    x[0, 5], weight[1, 7] = 254, -128
    yield layer(
        new,
        x=x,
        weight=weight,
        outer=2,
        x_zero_point=np.uint8(0),
        x_scale=np.float32(1),
        weight_scale=f32([1, 0.5]),
    )
    yield from _requantised()


def _requantised() -> Iterator[Case]:
    for y_zero_point in (*u8([0, 131, 255]), *i8([-128, 3, 127])):
        name = f"{y_zero_point.dtype}-{y_zero_point}"
        new = CASES.named(
            f"requantised-ties-{name}", "QL-S4", "exact ties of both signs before the zero point is added"
        )
        x = new.codes(np.uint8, 9, 8)
        weight = new.integers((5, 8), -3, 3, np.int8)
        yield layer(
            new, x=x, weight=weight, x_scale=np.float32(1), weight_scale=np.ones(5, np.float32), bias=None,
            y_scale=np.float32(2), y_zero_point=y_zero_point,
        )  # fmt: skip
        new = CASES.named(
            f"requantised-far-{name}", "QL-S4", "results far beyond the range of the codes, beside others"
        )
        scales = f32([1e-3, 1, 1e3, 1e6, 1e9])
        yield layer(new, weight_scale=scales, bias=None, y_scale=np.float32(1), y_zero_point=y_zero_point)
    for size in values.FEW_TAILS:
        new = CASES.named(f"requantised-columns-{size}", "QL-S4", "the outputs beyond the last full vector")
        yield layer(new, outer=size, y_scale=np.float32(0.15), y_zero_point=np.uint8(131))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a layer with a wide and a narrow size; scales of tensors or tokens, a bias or none, requantised or not."""
    inner, outer = values.wide_and_narrow(draw)
    leading, by_token, biased = values.leading(draw), draw(st.booleans()), draw(st.booleans())
    to = values.choice(draw, (None, None, np.uint8, np.int8))
    codes, weights = values.codes(draw, values.choice(draw, (np.uint8, np.int8))), values.codes(draw, np.int8)
    scales, biases = values.scales(draw), values.palette(draw)
    operands: dict[str, Any] = {
        "x_scale": values.paint(draw, scales, (*leading, 1) if by_token else ()),
        "x_zero_point": codes.dtype.type(0) if by_token else values.paint(draw, codes, ()),
        "weight_scale": values.paint(draw, scales, (outer,)),
        "bias": values.paint(draw, biases, (outer,)) if biased else None,
    }
    if to is not None:
        operands["y_scale"] = np.ldexp(np.float32(1.25), values.whole(draw, -4, 8))
        operands["y_zero_point"] = values.paint(draw, values.codes(draw, to), ())
    operands["weight"] = values.paint(draw, weights, (outer, inner))
    operands["x"] = values.paint(draw, codes, (*leading, inner))
    return call("quantized_linear", **operands)
