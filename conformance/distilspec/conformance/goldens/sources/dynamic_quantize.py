"""Cases of ``dynamic_quantize``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from distilspec.conformance.goldens.build import Loose, Source, f32, f64, pattern, u8
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.exact import float32, quantized
from distilspec.conformance.goldens.sources.asymmetric_scale import scale_and_zero_point
from distilspec.reference.contract.types import Array

SOURCE = Source("dynamic_quantize")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: ranges on either side of 0, ties, roundings, the scale 1, the subnormal range, sizes."""
    yield SOURCE.hand(
        "scale-1",
        "DYN-S2 DYN-S3 DYN-S4 DYN-S5",
        inputs={"x": f32([[-128, 0, 127], [-0.5, 0.5, 1.5]])},
        expected=_answer([[0, 128, 255], [128, 128, 130]], 1, 128),
        notes="The whole tensor has one range; halves go to even before the zero point 128 is added.",
    )
    yield SOURCE.hand(
        "ties-odd-zero-point",
        "DYN-S4 DYN-S5",
        inputs={"x": f32([-2, 2, 6, -1, 1, 508])},
        expected=_answer([0, 2, 4, 1, 1, 255], 2, 1),
        notes="""Scale 2 and zero point 1: 1 / 2 and -1 / 2 go to 0 and so to the code 1. Rounding after the zero
        point is added gives 0 for -1 and 2 for 1.""",
    )
    yield SOURCE.hand(
        "tie-of-the-zero-point",
        "DYN-S4",
        inputs={"x": f32([-2.5, 252.5, 0.5, 1])},
        expected=_answer([0, 254, 2, 3], 1, 2),
        notes="Scale 1: the real zero point 2.5 goes to 2. Away from zero gives 3, and the codes 1, 255, 3, 4.",
    )
    yield SOURCE.hand(
        "all-positive",
        "DYN-S2",
        inputs={"x": f32([255, 510, 127.5])},
        expected=_answer([128, 255, 64], 2, 0),
        notes="The range is widened to 0, so the zero point is 0; the quotients 127.5 and 63.75 give 128 and 64.",
    )
    yield SOURCE.hand(
        "all-negative",
        "DYN-S2 DYN-S4",
        inputs={"x": f32([-255, -510, -1])},
        expected=_answer([127, 0, 255], 2, 255),
        notes="Zero point 255. -127.5 goes to -128, -0.5 to 0.",
    )
    yield SOURCE.hand(
        "largest-value-saturates",
        "DYN-S4 DYN-S5",
        inputs={"x": f32([-1.5, 253.5, 0])},
        expected=_answer([0, 255, 2], 1, 2),
        notes="""Scale 1: the real zero point 1.5 goes to 2 and 253.5 to 254, which makes 256; a cast that wraps gives
        0.""",
    )
    yield SOURCE.hand(
        "largest-value-in-the-tail",
        "DYN-S2",
        inputs={"x": f32([1] * 16 + [255])},
        expected=_answer([1] * 16 + [255], 1, 0),
        notes="The element beyond the first 16 decides the range.",
    )
    yield SOURCE.hand(
        "zeros",
        "DYN-S3",
        inputs={"x": f32([[0, -0.0], [0, 0]])},
        expected=_answer([[0, 0], [0, 0]], 1, 0),
        notes="No range: scale 1, and no division by 0.",
    )
    yield SOURCE.hand(
        "empty",
        "DYN-S2 DYN-S3",
        inputs={"x": f32([[], []])},
        expected=_answer([[], []], 1, 0),
        notes="The range of nothing is that of 0.",
    )
    x = (pattern((3, 7), 1, -3000, 5000) / 1024).tolist()
    yield SOURCE.exact(
        "rounded-scale",
        "DYN-S3 DYN-S4 DYN-S5",
        inputs={"x": f32(x)},
        expected=_found(x),
        notes="A scale that float32 rounds; every quotient is the float32 one.",
    )
    for size in (1, 15, 16, 17, 33):
        x = (pattern((1, size), size, -2000, 900) / 512).tolist()
        yield SOURCE.exact(
            f"row-of-{size}",
            "DYN-S2 DYN-S5",
            inputs={"x": f32(x)},
            expected=_found(x),
            notes="Sizes around the width of a vector: the tail belongs to the range and is quantised.",
        )
    wide = [[1 + 2.0**-24, -(1 + 2.0**-24), 0.1, 1 / 3]]
    yield SOURCE.exact(
        "float64-is-rounded-first",
        "DYN-S1",
        inputs={"x": f64(wide)},
        expected=_found([[float32(value) for value in row] for row in wide]),
        notes="The range is that of the float32 values.",
    )
    tiny = 2.0**-121
    scale = float32(2.0**-120 / 255)
    yield SOURCE.exact(
        "subnormal-scale",
        "DYN-S3",
        inputs={"x": f32([-tiny, 0, tiny])},
        expected=_answer([0, 0, 0], 1, 0),
        allowed=[_answer([quantized(v, scale, quantized(tiny, scale, 0)) for v in (-tiny, 0.0, tiny)], scale, 128)],
        notes="""The scale would be subnormal and is 1. ONNX Runtime and the ONNX reference disagree here, so the
        subnormal scale is allowed as well, with what follows from it.""",
    )


def _answer(codes: Any, scale: float, zero_point: int) -> dict[str, Array]:
    return {"codes": u8(codes), "scale": f32(scale), "zero_point": u8(zero_point)}


def _found(x: list[list[float]]) -> dict[str, Array | Loose]:
    flat = [value for row in x for value in row]
    scale, zero_point = scale_and_zero_point(min(flat), max(flat))
    codes = u8([[quantized(value, scale, zero_point) for value in row] for row in x])
    return {"codes": codes, "scale": Loose(f32(scale)), "zero_point": u8(zero_point)}
