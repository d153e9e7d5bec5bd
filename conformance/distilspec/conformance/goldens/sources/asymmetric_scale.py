"""Cases of ``asymmetric_scale``."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from distilspec.conformance.goldens.build import Loose, Source, f32, f64, u8
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.exact import float32, round_half_even, saturate

SOURCE = Source("asymmetric_scale")


def scale_and_zero_point(minimum: float, maximum: float) -> tuple[float, int]:
    """Return scale and zero point of a range, every float32 operation rounded from its exact value."""
    low, high = min(float32(minimum), 0.0), max(float32(maximum), 0.0)
    scale = float32(Fraction(float32(Fraction(high) - Fraction(low))) / 255)
    if scale < 2.0**-126:
        scale = 1.0
    quotient = Fraction(float32(-Fraction(low) / Fraction(scale)))
    return scale, saturate(round_half_even(quotient), 0, 255)


def cases() -> Iterator[GoldenCase]:
    """Yield every case: widening, ties of the zero point, roundings, the scale 1, the subnormal range, sizes."""
    yield SOURCE.hand(
        "zero-inside",
        "ASYM-S1 ASYM-S2 ASYM-S4",
        inputs={"minimum": f32(-128), "maximum": f32(127)},
        expected={"scale": f32(1), "zero_point": u8(128)},
        notes="255 steps of 1, 128 of them below 0.",
    )
    yield SOURCE.hand(
        "widened-to-hold-0",
        "ASYM-S1",
        inputs={"minimum": f32([255, -510]), "maximum": f32([510, -255])},
        expected={"scale": f32([2, 2]), "zero_point": u8([0, 255])},
        notes="A range that leaves out 0 is widened; without that the scale is 1 and 0 has no code.",
    )
    yield SOURCE.hand(
        "zero-point-ties",
        "ASYM-S4",
        inputs={"minimum": f32([-0.5, -1.5, -2.5, -127.5]), "maximum": f32([254.5, 253.5, 252.5, 127.5])},
        expected={"scale": f32([1, 1, 1, 1]), "zero_point": u8([0, 2, 2, 128])},
        notes="The zero point itself is a half and goes to even: away from zero gives 1, 2, 3, 128.",
    )
    ranges = [(-0.1, 1.0), (-3.7, 0.2), (0.0, 6.0), (-1e-3, 12345.678), (-1.1e38, 1.3e38)]
    narrow = [(f32(low).item(), f32(high).item()) for low, high in ranges]
    found = [scale_and_zero_point(low, high) for low, high in narrow]
    yield SOURCE.exact(
        "rounded-ranges",
        "ASYM-S2 ASYM-S4",
        inputs={"minimum": f32([low for low, _ in narrow]), "maximum": f32([high for _, high in narrow])},
        expected={"scale": Loose(f32([scale for scale, _ in found])), "zero_point": u8([zero for _, zero in found])},
        notes="Three float32 operations; multiplying by the reciprocal of 255 may differ in the last bit of the scale.",
    )
    ends = f32([7.0, 1e-30, 0.3]).tolist()
    found = [scale_and_zero_point(-end, end) for end in ends]
    yield SOURCE.exact(
        "symmetric-ranges",
        "ASYM-S4",
        inputs={"minimum": f32([-end for end in ends]), "maximum": f32(ends)},
        expected={
            "scale": Loose(f32([scale for scale, _ in found])),
            "zero_point": Loose(u8([zero for _, zero in found])),
        },
        notes="The real zero point is the half 127.5, so the roundings of the float32 operations decide.",
    )
    doubles = [(-0.1, 0.2), (-(1 + 2.0**-24), 254.0)]
    found = [scale_and_zero_point(low, high) for low, high in doubles]
    yield SOURCE.exact(
        "float64-is-rounded-first",
        "ASYM-S1",
        inputs={"minimum": f64([low for low, _ in doubles]), "maximum": f64([high for _, high in doubles])},
        expected={"scale": Loose(f32([scale for scale, _ in found])), "zero_point": u8([zero for _, zero in found])},
        notes="The ends become float32 before they are subtracted.",
    )
    yield SOURCE.hand(
        "no-width",
        "ASYM-S3",
        inputs={"minimum": f32([0, -0.0]), "maximum": f32([0, 0])},
        expected={"scale": f32([1, 1]), "zero_point": u8([0, 0])},
        notes="A range of nothing but 0 has the scale 1 and the zero point 0.",
    )
    yield SOURCE.hand(
        "smallest-normal-scale",
        "ASYM-S3",
        inputs={"minimum": f32(-(2.0**-126)), "maximum": f32(254 * 2.0**-126)},
        expected={"scale": f32(2.0**-126), "zero_point": u8(1)},
        notes="The scale is the smallest normal float32 and is kept.",
    )
    subnormal = float32(Fraction(2.0**-120) / 255)
    yield SOURCE.exact(
        "subnormal-scale",
        "ASYM-S3",
        inputs={"minimum": f32(-(2.0**-121)), "maximum": f32(2.0**-121)},
        expected={"scale": f32(1), "zero_point": u8(0)},
        allowed=[{"scale": f32(subnormal), "zero_point": u8(_zero_point(2.0**-121, subnormal))}],
        notes="""A subnormal scale is replaced by 1. ONNX Runtime and the ONNX reference disagree here, so the
        quotient itself is allowed, with the zero point that follows from it.""",
    )
    yield SOURCE.hand(
        "empty",
        "ASYM-S2",
        inputs={"minimum": f32([]), "maximum": f32([])},
        expected={"scale": f32([]), "zero_point": u8([])},
        notes="No ranges, no scales.",
    )


def _zero_point(distance: float, scale: float) -> int:
    return saturate(round_half_even(Fraction(float32(Fraction(distance) / Fraction(scale)))), 0, 255)
