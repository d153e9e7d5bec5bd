"""Cases of ``quantize``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import f32, i8, u8
from distilspec.reference.arith import along_axis
from distilspec.reference.contract.types import Float32Array

CASES = Cases("quantize")

#: Zero points at both ends, odd and even ones, and those beyond 127.
ZERO_POINTS = tuple(u8([0, 1, 127, 128, 131, 255])) + tuple(i8([-128, -127, -1, 0, 3, 127]))
CODES = "Q-S3 Q-S4"


def ties(scale: float) -> Float32Array:
    """Return every half between two codes, beyond both ends of the range, times a power of two."""
    return (np.arange(-300, 300) + np.float32(0.5)) * np.float32(scale)


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: ties, saturation, every code, scales, axes, special values, tails."""
    for zero_point in ZERO_POINTS:
        dtype = f"{zero_point.dtype}-zero-point-{zero_point}"
        new = CASES.named(f"ties-{dtype}", CODES, "exact ties of both signs go to the even code, then move")
        yield new.case(x=ties(0.25), scale=np.float32(0.25), zero_point=zero_point)
        new = CASES.named(f"codes-{dtype}", CODES, "the middle of every code, and numbers beyond both ends")
        yield new.case(x=np.arange(-300, 300) * np.float32(0.25), scale=np.float32(0.25), zero_point=zero_point)
        new = CASES.named(f"far-{dtype}", "Q-S4", "numbers far beyond the range, beyond int32 and infinite")
        far = f32([128, 255, 256, 257, 511, 32768, 65536, 2**31, 2**32, 2.0**63, 2.0**64, 1e30, values.LARGEST])
        x = np.concatenate([far, -far, values.SPECIAL[1:3], new.reals(9, size=100)])
        yield new.case(x=x, scale=np.float32(1), zero_point=zero_point)
    for exponent in (-126, -120, -20, 0, 20, 100, 119):
        new = CASES.named(f"ties-scale-2-to-{exponent}", "Q-S2 Q-S3", "ties with extreme scales")
        scale = np.ldexp(np.float32(1), exponent)
        x = (np.arange(-9, 9) + np.float32(0.5)) * scale
        yield new.case(x=x, scale=scale, zero_point=np.uint8(5))
    for index, scale in enumerate(f32([0.1, 1 / 3, 0.0078125 * 1.01, 1e-30, 1e30, 1e36])):
        new = CASES.named(f"scale-{index}", "Q-S2", "a division, and not a product with a rounded reciprocal")
        yield new.case(x=new.reals(257, size=140) * scale, scale=scale, zero_point=np.int8(-1))
    new = CASES.named("subnormal-scale", "Q-S2", "a scale whose reciprocal is not finite")
    x = np.ldexp(new.integers((40,), -100, 100).astype(np.float32), -110)
    yield new.case(x=x, scale=np.float32(2.0**-140), zero_point=np.uint8(100))
    new = CASES.named("large-scale", "Q-S2", "a scale whose reciprocal is subnormal")
    yield new.case(x=new.wide(40, low=118, high=126), scale=np.float32(2.0**126.5), zero_point=np.uint8(100))
    new = CASES.named("float64", "Q-S1", "float64 beside a tie is rounded to float32 first, and becomes the tie")
    x = (np.arange(-20, 20) + 0.5) * (1 + np.resize([1, -1], 40) * 2.0**-30)
    yield new.case(x=x, scale=np.float32(1), zero_point=np.int8(1))
    new = CASES.named("nan", "Q-S5", "NaN changes no other code")
    x = new.reals(5, 17, size=9)
    x[[0, 1, 1, 4], [3, 0, 16, 8]] = np.nan
    yield new.case(x=x, scale=np.float32(0.07), zero_point=np.uint8(128))
    yield from _axes()
    for size in values.TAILS:
        new = CASES.named(f"length-{size}", CODES, "the elements beyond the last full vector")
        yield new.case(x=ties(0.5)[300 - size : 300], scale=np.float32(0.5), zero_point=np.uint8(131))
    yield CASES.named("scalar", CODES, "no axis").case(x=np.float32(2.5), scale=np.float32(1), zero_point=np.uint8(3))
    new = CASES.named("empty", CODES, "no elements")
    yield new.case(x=np.zeros((2, 0), np.float32), scale=np.float32(1), zero_point=np.uint8(3))


def _axes() -> Iterator[Case]:
    for axis, size in ((0, 3), (1, 5), (-1, 17), (-2, 5)):
        for dtype in (np.uint8, np.int8):
            new = CASES.named(f"axis-{axis}-{np.dtype(dtype)}", "Q-S6", "each index has its own scale")
            scale, zero_point = new.scales(size), new.codes(dtype, size)
            yield new.case(x=new.reals(3, 5, 17, size=4), scale=scale, zero_point=zero_point, axis=axis)
    new = CASES.named("axis-symmetric", "Q-S6", "weights: one scale an output, no zero point")
    scale, zero_point = new.scales(7), np.zeros(7, np.int8)
    yield new.case(x=new.reals(7, 33, size=2), scale=scale, zero_point=zero_point, axis=0)
    new = CASES.named("tokens", "Q-S2 Q-S3", "one scale a token, and ties in each")
    scale = f32([[2], [0.5], [0.125]])
    yield new.case(x=ties(1)[290:310] * scale, scale=scale, zero_point=np.int8(0), fed=("scale",))
    new = CASES.named("scale-fed", CODES, "a scale and a zero point that are no constants")
    yield new.case(x=ties(0.25), scale=np.float32(0.25), zero_point=np.uint8(131), fed=("scale", "zero_point"))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw halves and wholes of the scale, or reals from anywhere; any zero point; with an axis or without."""
    shape = values.shapes(draw)
    axis = values.axis(draw, len(shape)) if bool(shape) and draw(st.booleans()) else None
    size = () if axis is None else (shape[axis],)
    in_steps, colours = draw(st.booleans()), values.palette(draw, values.ANY)
    codes, scales = values.codes(draw, values.choice(draw, (np.uint8, np.int8))), values.scales(draw)
    scale, zero_point = values.paint(draw, scales, size), values.paint(draw, codes, size)
    if in_steps:
        steps = values.paint(draw, values.numbers(draw, -602, 602), shape).astype(np.float32) / np.float32(2)
        x = steps * (scale if axis is None else along_axis(scale, axis, len(shape)))
    else:
        x = values.paint(draw, colours, shape)
    return call("quantize", x=x, scale=scale, zero_point=zero_point, axis=axis)
