"""Cases of ``dequantize``."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from distilspec.conformance.goldens.build import Source, exact_reals, f32, i8, i32, real, u8
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("dequantize")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: both edges of the codes, signs, axes, scales that are not powers of two, sizes."""
    yield SOURCE.hand(
        "zero-point-odd",
        "DQ-S1",
        inputs={"codes": u8([0, 1, 2, 255]), "scale": f32(0.5), "zero_point": u8(1)},
        expected={"y": exact_reals([-0.5, 0, 0.5, 127])},
        notes="The zero point is subtracted. In uint8 arithmetic 0 - 1 wraps to 255 and gives 127.5.",
    )
    yield SOURCE.hand(
        "zero-point-255",
        "DQ-S1",
        inputs={"codes": u8([0, 254, 255]), "scale": f32(2), "zero_point": u8(255)},
        expected={"y": exact_reals([-510, -2, 0])},
        notes="The largest zero point; subtraction in int8 loses it.",
    )
    yield SOURCE.hand(
        "int8-minus-128",
        "DQ-S1",
        inputs={"codes": i8([-128, 127]), "scale": f32(1), "zero_point": i8(127)},
        expected={"y": exact_reals([-255, 0])},
        notes="-128 - 127 does not fit into int8, where it wraps to 1.",
    )
    yield SOURCE.hand(
        "without-zero-point",
        "DQ-S2",
        inputs={"codes": i8([-128, -127, 0, 127]), "scale": f32(0.25), "zero_point": None},
        expected={"y": exact_reals([-32, -31.75, 0, 31.75])},
        notes="An absent zero point is 0.",
    )
    yield SOURCE.hand(
        "int32-difference-is-exact",
        "DQ-S1",
        inputs={"codes": i32([2147483647, -2147483648]), "scale": f32(0.5), "zero_point": i32([-1, 0])},
        expected={"y": exact_reals([2**30, -(2**30)])},
        notes="2147483647 + 1 does not fit into int32.",
    )
    yield SOURCE.hand(
        "axis-0",
        "DQ-S3",
        inputs={"codes": i8([[1, 2], [1, 2]]), "scale": f32([1, 8]), "zero_point": i8([0, 2])},
        expected={"y": exact_reals([[1, 2], [-8, 0]])},
        attributes={"axis": 0},
        notes="One scale and zero point a row, as weights have them.",
    )
    yield SOURCE.hand(
        "negative-axis",
        "DQ-S3 DQ-S2",
        inputs={"codes": i8([[1, 2], [1, 2]]), "scale": f32([1, 8]), "zero_point": None},
        expected={"y": exact_reals([[1, 16], [1, 16]])},
        attributes={"axis": -1},
        notes="One scale a column; with the axes confused the second column is 2 and 16.",
    )
    yield SOURCE.hand(
        "empty",
        "DQ-S1",
        inputs={"codes": u8([[]]), "scale": f32(1), "zero_point": u8(0)},
        expected={"y": exact_reals([[]])},
        notes="No codes, no numbers, and no error.",
    )
    for name, scale in (("tenth", 0.1), ("huge", 1e36), ("tiny", 1e-36)):
        s = Fraction(f32(scale).item())
        codes = list(range(0, 256, 15))
        yield SOURCE.exact(
            f"every-fifteenth-code-scale-{name}",
            "DQ-S1",
            inputs={"codes": u8(codes), "scale": f32(scale), "zero_point": u8(120)},
            expected={"y": real([s * (code - 120) for code in codes])},
            notes="""The product of a scale and an integer below 256 has up to 32 bits; computing scale * code - scale
            * zero_point loses digits near the zero point.""",
        )
