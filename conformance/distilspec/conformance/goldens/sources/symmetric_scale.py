"""Cases of ``symmetric_scale``."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from distilspec.conformance.goldens.build import Loose, Source, f32, f64
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.exact import float32

SOURCE = Source("symmetric_scale")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: exact and rounded quotients, the scale 1 of no range, subnormal ones, sizes, other codes."""
    yield SOURCE.hand(
        "multiples-of-127",
        "SYM-S1",
        inputs={"largest": f32([127, 254, 63.5, 127 * 2.0**-100, 127 * 2.0**100])},
        expected={"y": f32([1, 2, 0.5, 2.0**-100, 2.0**100])},
        notes="Exact quotients. Dividing by 128 or 127.5 gives other scales.",
    )
    magnitudes = f32([1, 0.1, 3.14159274, 6.0, 1e30, 3.4028235e38, 1e-30]).tolist()
    yield SOURCE.exact(
        "rounded-quotients",
        "SYM-S1",
        inputs={"largest": f32(magnitudes)},
        expected={"y": Loose(f32([float32(Fraction(magnitude) / 127) for magnitude in magnitudes]))},
        notes="One float32 division; multiplying by the float32 of 1/127, a declared freedom, may change the last bit.",
    )
    wide = [0.1, 1 + 2.0**-24, 1 / 3]
    yield SOURCE.exact(
        "float64-is-rounded-first",
        "SYM-S1",
        inputs={"largest": f64(wide)},
        expected={"y": Loose(f32([float32(Fraction(float32(value)) / 127) for value in wide]))},
        notes="A float64 magnitude becomes a float32 before the division.",
    )
    yield SOURCE.hand(
        "zero",
        "SYM-S2",
        inputs={"largest": f32([0, -0.0])},
        expected={"y": f32([1, 1])},
        notes="A tensor of zeros gets the scale 1; a scale 0 would make every quotient NaN.",
    )
    smallest = 127 * 2.0**-126
    yield SOURCE.exact(
        "smallest-normal-quotient",
        "SYM-S2",
        inputs={"largest": f32(smallest)},
        expected={"y": f32(2.0**-126)},
        notes="The quotient is the smallest normal float32 and is kept.",
    )
    below = 126 * 2.0**-126
    yield SOURCE.exact(
        "subnormal-quotient",
        "SYM-S2",
        inputs={"largest": f32([below, 2.0**-149])},
        expected={"y": f32([1, 1])},
        allowed=[{"y": f32([float32(Fraction(below) / 127), 1])}],
        notes="""A subnormal quotient is replaced by 1. ONNX Runtime and the ONNX reference disagree here, so the
        quotient itself is allowed as well; the quotient of the second magnitude rounds to 0, for which 1 is
        required.""",
    )
    yield SOURCE.hand(
        "empty",
        "SYM-S1",
        inputs={"largest": f32([])},
        expected={"y": f32([])},
        notes="No magnitudes, no scales.",
    )
    yield SOURCE.hand(
        "largest-code-64",
        "SYM-S3",
        inputs={"largest": f32([64, 32, 63.5, 127, 64 * 2.0**100, 0])},
        attributes={"largest_code": 64},
        expected={"y": f32([1, 0.5, 0.9921875, 1.984375, 2.0**100, 1])},
        notes="A division by a power of two is exact, in every form. 63, 63.5 and 127 give other scales.",
    )
    yield SOURCE.exact(
        "largest-code-63",
        "SYM-S3",
        inputs={"largest": f32(magnitudes)},
        attributes={"largest_code": 63},
        expected={"y": Loose(f32([float32(Fraction(magnitude) / 63) for magnitude in magnitudes]))},
        notes="One float32 division by a number that is no power of two.",
    )
    yield SOURCE.hand(
        "largest-code-1",
        "SYM-S3",
        inputs={"largest": f32([3, 0.1, 2.0**-126])},
        attributes={"largest_code": 1},
        expected={"y": f32([3, 0.1, 2.0**-126])},
        notes="Codes of -1, 0 and 1: the scale is the largest magnitude itself.",
    )
    yield SOURCE.exact(
        "largest-code-64-smallest",
        "SYM-S2 SYM-S3",
        inputs={"largest": f32([64 * 2.0**-126, 2.0**-149])},
        attributes={"largest_code": 64},
        expected={"y": f32([2.0**-126, 1])},
        notes="The smallest normal quotient is kept; that of the smallest subnormal rounds to 0 and becomes 1.",
    )
