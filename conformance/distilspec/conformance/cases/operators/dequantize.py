"""Cases of ``dequantize``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import f32, i8, i32, u8

CASES = Cases("dequantize")
ZERO_POINTS = tuple(u8([0, 1, 127, 128, 255])) + tuple(i8([-128, -1, 0, 1, 127]))


def every_code(dtype: type) -> np.ndarray:
    """Return every code, in order."""
    limits = np.iinfo(dtype)
    return np.arange(limits.min, limits.max + 1).astype(dtype)


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: every code with zero points at the ends, scales, int32, axes, tails."""
    for zero_point in ZERO_POINTS:
        name = f"{zero_point.dtype}-zero-point-{zero_point}"
        new = CASES.named(name, "DQ-S1", "every code; the difference has nine bits")
        yield new.case(codes=every_code(zero_point.dtype.type), scale=np.float32(0.1), zero_point=zero_point)
    for dtype in (np.uint8, np.int8):
        new = CASES.named(f"{np.dtype(dtype)}-no-zero-point", "DQ-S1 DQ-S2", "every code; an absent zero point is 0")
        yield new.case(codes=every_code(dtype), scale=np.float32(0.1))
    for index, scale in enumerate(f32([1 / 3, 1e-30, 1e30, 2.0**-126, 0.0078125])):
        new = CASES.named(f"scale-{index}", "DQ-S1", "one rounding")
        yield new.case(codes=new.codes(np.uint8, 65), scale=scale, zero_point=np.uint8(77))
    new = CASES.named("int32", "DQ-S1 DQ-S2", "accumulators, beyond what float32 holds")
    codes = i32([0, 1, -1, 2**24 + 1, -(2**24) - 1, 2**31 - 1, -(2**31), 123456789])
    yield new.case(codes=codes, scale=np.float32(0.1))
    for axis, size in ((0, 3), (1, 5), (-1, 17), (-2, 5)):
        for dtype in (np.uint8, np.int8):
            new = CASES.named(f"axis-{axis}-{np.dtype(dtype)}", "DQ-S3", "each index has its own scale")
            scale, zero_point = new.scales(size), new.codes(dtype, size)
            yield new.case(codes=new.codes(dtype, 3, 5, 17), scale=scale, zero_point=zero_point, axis=axis)
    new = CASES.named("weights", "DQ-S2 DQ-S3", "one scale an output, and no zero point")
    yield new.case(codes=new.codes(np.int8, 7, 33), scale=new.scales(7), axis=0)
    new = CASES.named("tokens", "DQ-S1", "one scale a token")
    yield new.case(codes=new.codes(np.int8, 4, 9), scale=new.scales(4, 1), zero_point=np.int8(0), fed=("scale",))
    new = CASES.named("scale-fed", "DQ-S1", "a scale and a zero point that are no constants")
    scale, zero_point = np.float32(0.3), np.uint8(131)
    yield new.case(codes=new.codes(np.uint8, 9, 9), scale=scale, zero_point=zero_point, fed=("scale", "zero_point"))
    for size in values.TAILS:
        new = CASES.named(f"length-{size}", "DQ-S1", "the elements beyond the last full vector")
        yield new.case(codes=new.codes(np.uint8, size), scale=np.float32(0.3), zero_point=np.uint8(131))
    new = CASES.named("empty", "DQ-S1", "no elements")
    yield new.case(codes=np.zeros((2, 0), np.uint8), scale=np.float32(1), zero_point=np.uint8(3))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw codes of any type, any zero point or none, with an axis or without."""
    shape = values.shapes(draw)
    axis = values.axis(draw, len(shape)) if bool(shape) and draw(st.booleans()) else None
    size = () if axis is None else (shape[axis],)
    dtype, absent = values.choice(draw, (np.uint8, np.int8, np.int32)), draw(st.booleans())
    scales = values.scales(draw)
    if dtype is np.int32:
        numbers, scale = values.numbers(draw, -(2**31), 2**31 - 1, dtype), values.paint(draw, scales, size)
        return call("dequantize", codes=values.paint(draw, numbers, shape), scale=scale, axis=axis)
    colours = values.codes(draw, dtype)
    zero_point = None if absent else values.paint(draw, colours, size)
    scale = values.paint(draw, scales, size)
    return call("dequantize", codes=values.paint(draw, colours, shape), scale=scale, zero_point=zero_point, axis=axis)
