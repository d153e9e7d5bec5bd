"""Cases of ``quantize``."""

from __future__ import annotations

import math
from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, boolean, f32, f64, i8, u8
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.exact import quantized

SOURCE = Source("quantize")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: ties, zero points, saturation, the float32 quotient, axes, extreme scales, sizes."""
    yield from _ties()
    yield from _saturation()
    yield from _quotient()
    yield from _layout()


def _ties() -> Iterator[GoldenCase]:
    yield SOURCE.hand(
        "ties-odd-zero-point",
        "Q-S3 Q-S4",
        inputs={"x": f32([1, 3, -1]), "scale": f32(2), "zero_point": u8(1)},
        expected={"y": u8([1, 3, 1])},
        notes="""Halves go to the even neighbour before the zero point is added. Adding first gives [2, 2, 0], ties
        away from zero give [2, 3, 0], adding a half and shifting gives [2, 3, 1].""",
    )
    halves = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]
    yield SOURCE.hand(
        "ties-both-signs-int8",
        "Q-S3",
        inputs={"x": f32(halves), "scale": f32(1), "zero_point": i8(0)},
        expected={"y": i8([-2, -2, 0, 0, 2, 2])},
        notes="Rounding away gives -3 and 3, floor(x + 1/2) gives -1 for -1.5, truncation gives -1 for -1.5.",
    )
    yield SOURCE.hand(
        "ties-negative-odd-zero-point-int8",
        "Q-S3 Q-S4",
        inputs={"x": f32(halves), "scale": f32(1), "zero_point": i8(-3)},
        expected={"y": i8([-5, -5, -3, -3, -1, -1])},
        notes="The zero point is added to the rounded quotient; rounding x - 3 instead gives -6, -4, -4, -2, -2, 0.",
    )
    yield SOURCE.hand(
        "ties-even-zero-point",
        "Q-S3 Q-S4",
        inputs={"x": f32(halves), "scale": f32(1), "zero_point": u8(128)},
        expected={"y": u8([126, 126, 128, 128, 130, 130])},
        notes="""With an even zero point the order of rounding and adding does not show, but rounding away from zero
        does.""",
    )
    yield SOURCE.hand(
        "neighbours-of-ties",
        "Q-S3",
        inputs={
            "x": f32([0.5 - 2.0**-25, 0.5, 0.5 + 2.0**-24, 1.5 - 2.0**-23, 1.5 + 2.0**-23, -0.5 - 2.0**-24]),
            "scale": f32(1),
            "zero_point": u8(10),
        },
        expected={"y": u8([10, 10, 11, 11, 12, 9])},
        notes="""One step of float32 to either side of a half. Adding 1/2 in float32 and taking the floor gives 11
        first.""",
    )


def _saturation() -> Iterator[GoldenCase]:
    edges = [-200.0, -129.0, -128.0, 127.0, 128.0, 200.0]
    yield SOURCE.hand(
        "saturation-int8",
        "Q-S4",
        inputs={"x": f32(edges), "scale": f32(1), "zero_point": i8(0)},
        expected={"y": i8([-128, -128, -128, 127, 127, 127])},
        notes="All of int8 is used, -128 too; a cast that wraps gives 56, 127, -128, 127, -128, -56.",
    )
    yield SOURCE.hand(
        "saturation-at-zero-point-0",
        "Q-S4",
        inputs={"x": f32([-1, -0.5, 0, 254.5, 255, 256]), "scale": f32(1), "zero_point": u8(0)},
        expected={"y": u8([0, 0, 0, 254, 255, 255])},
        notes="The lower edge of the codes is the zero point; a cast that wraps gives 255 for -1 and 0 for 256.",
    )
    yield SOURCE.hand(
        "saturation-at-zero-point-255",
        "Q-S4",
        inputs={"x": f32([-256, -255, -254.5, 0, 0.5, 1]), "scale": f32(1), "zero_point": u8(255)},
        expected={"y": u8([0, 0, 1, 255, 255, 255])},
        notes="The upper edge is the zero point. Clipping before the zero point is added gives 255 for everything.",
    )
    yield SOURCE.hand(
        "infinities",
        "Q-S4",
        inputs={"x": f32([-math.inf, math.inf, 1e30, -1e30, 3e9]), "scale": f32(0.5), "zero_point": u8(7)},
        expected={"y": u8([0, 255, 255, 0, 255])},
        notes="""Clipping precedes the cast: a cast to int32 first gives the lowest int32 for all of these on x86, and
        so the code 0.""",
    )
    yield SOURCE.hand(
        "nan-leaves-its-neighbours-alone",
        "Q-S5",
        inputs={"x": f32([1, math.nan, 2, 300]), "scale": f32(1), "zero_point": u8(100)},
        expected={"y": u8([101, 0, 102, 255])},
        open_elements={"y": boolean([False, True, False, False])},
        notes="A NaN may give any code. The codes beside it must not notice, as they would in a vector-wide test.",
    )
    yield SOURCE.hand(
        "negative-zero",
        "Q-S2 Q-S4",
        inputs={"x": f32([-0.0, 0.0]), "scale": f32(3), "zero_point": i8(-128)},
        expected={"y": i8([-128, -128])},
        notes="Zero is exactly representable: both zeros give the zero point.",
    )


def _quotient() -> Iterator[GoldenCase]:
    yield SOURCE.exact(
        "quotient-rounds-to-a-tie",
        "Q-S2 Q-S3",
        inputs={"x": f32([10.05, 5.05, 0.35]), "scale": f32(0.1), "zero_point": u8(0)},
        expected={"y": u8([quantized(x, f32(0.1).item(), 0) for x in f32([10.05, 5.05, 0.35]).tolist()])},
        notes="""The real quotients lie just beside 100.5, 50.5 and 3.5, the float32 quotients on them: 100, 50, 4. A
        division in float64 gives 101, 51, 3.""",
    )
    yield SOURCE.exact(
        "reciprocal-rounds-to-a-tie",
        "Q-S2",
        inputs={"x": f32([10.15]), "scale": f32(0.1), "zero_point": u8(0)},
        expected={"y": u8([quantized(f32(10.15).item(), f32(0.1).item(), 0)])},
        allowed=[{"y": u8([102])}],
        notes="""The quotient is 101.49999, so the code is 101. Multiplying by the float32 reciprocal of the scale
        gives 101.5 and the code 102, which is a declared freedom.""",
    )
    yield SOURCE.hand(
        "estimated-reciprocal",
        "Q-S2",
        inputs={"x": f32([601.4375, -601.4375]), "scale": f32(3), "zero_point": u8(0)},
        expected={"y": u8([200, 0])},
        notes="""The quotient is 200.479. With 12 bits 1 / 3 is 2731 / 8192, which gives 200.504 and the code 201.""",
    )
    yield SOURCE.hand(
        "x-is-rounded-to-float32",
        "Q-S1",
        inputs={"x": f64([0.5 + 2.0**-40, 1.5 - 2.0**-40, 2.5 + 2.0**-40]), "scale": f32(1), "zero_point": u8(0)},
        expected={"y": u8([0, 2, 2])},
        notes="""Real numbers just beside a half become the half in float32; without that rounding the codes are 1, 1,
        3.""",
    )
    yield SOURCE.hand(
        "denormal-x",
        "Q-S2",
        inputs={"x": f32([3 * 2.0**-128, -3 * 2.0**-128, 2.0**-127]), "scale": f32(2.0**-126), "zero_point": u8(9)},
        expected={"y": u8([10, 8, 9])},
        allowed=[{"y": u8([9, 9, 9])}],
        notes="Quotients 3/4, -3/4 and 1/2 of denormal numbers, which a runtime may read as 0.",
    )
    yield SOURCE.hand(
        "quotient-overflows",
        "Q-S2 Q-S4",
        inputs={"x": f32([1e30, -1e30, 0.0]), "scale": f32(2.0**-126), "zero_point": i8(5)},
        expected={"y": i8([127, -128, 5])},
        notes="The float32 quotient is infinite and saturates.",
    )
    yield SOURCE.hand(
        "huge-scale",
        "Q-S2",
        inputs={"x": f32([3e38, 1.5 * 2.0**127, -(2.0**126), 1]), "scale": f32(2.0**127), "zero_point": u8(4)},
        expected={"y": u8([6, 6, 4, 4])},
        notes="""The reciprocal of the scale, 2**-127, is denormal, and multiplying by it gives 0 where it is read as 0.
        Quotients are 1.76, 1.5, -0.5 and almost 0.""",
    )


def _layout() -> Iterator[GoldenCase]:
    yield SOURCE.hand(
        "axis-0",
        "Q-S6",
        inputs={"x": f32([[1, 3, -1], [1, 3, -1]]), "scale": f32([2, 1]), "zero_point": i8([1, -1])},
        expected={"y": i8([[1, 3, 1], [0, 2, -2]])},
        attributes={"axis": 0},
        notes="Row 0 has scale 2 and zero point 1, row 1 has scale 1 and zero point -1.",
    )
    yield SOURCE.hand(
        "negative-axis-of-three",
        "Q-S6",
        inputs={
            "x": f32([[[5], [5]], [[-5], [-5]]]),
            "scale": f32([1, 10]),
            "zero_point": u8([100, 200]),
        },
        expected={"y": u8([[[105], [200]], [[95], [200]]])},
        attributes={"axis": -2},
        notes="Axis -2 is the middle one. 5 / 10 and -5 / 10 are halves and go to 0.",
    )
    yield SOURCE.hand(
        "scale-per-token",
        "Q-S2 Q-S4",
        inputs={"x": f32([[4, -4], [4, -4]]), "scale": f32([[1], [8]]), "zero_point": i8(0)},
        expected={"y": i8([[4, -4], [0, 0]])},
        notes="Without an axis the scale broadcasts: one a row. 4 / 8 is a half and goes to 0.",
    )
    yield SOURCE.hand(
        "empty",
        "Q-S4",
        inputs={"x": f32([[], []]), "scale": f32(1), "zero_point": u8(3)},
        expected={"y": u8([[], []])},
        notes="No elements, no codes, and no error.",
    )
    for size in (1, 15, 16, 17, 31, 32, 33):
        x = [(-1) ** i * (i + 0.5) for i in range(size)]
        yield SOURCE.exact(
            f"ties-{size}",
            "Q-S3 Q-S4",
            inputs={"x": f32(x), "scale": f32(1), "zero_point": u8(17)},
            expected={"y": u8([quantized(value, 1.0, 17) for value in x])},
            notes="Halves of both signs around the width of a vector: the scalar tail rounds as the vector does.",
        )
