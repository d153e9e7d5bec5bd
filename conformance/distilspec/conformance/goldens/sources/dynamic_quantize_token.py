"""Cases of ``dynamic_quantize_token``."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from distilspec.conformance.goldens.build import Loose, Source, f32, f64, i8, pattern
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.exact import float32, quantized
from distilspec.reference.contract.types import Array

SOURCE = Source("dynamic_quantize_token")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: rows apart, signs, ties, roundings, the scale 1, the subnormal range, sizes."""
    yield SOURCE.hand(
        "one-scale-a-row",
        "DYNT-S2 DYNT-S3 DYNT-S4",
        inputs={"x": f32([[127, -127, 1], [254, 1, -1], [-508, 2, 6]])},
        expected=_answer([[127, -127, 1], [127, 0, 0], [-127, 0, 2]], [[1], [2], [4]]),
        notes="Scales 1, 2 and 4. 1 / 2, -1 / 2 and 2 / 4 are halves and go to 0, 6 / 4 goes to 2.",
    )
    yield SOURCE.hand(
        "largest-magnitude-is-negative",
        "DYNT-S2",
        inputs={"x": f32([[-254, 3, 5]])},
        expected=_answer([[-127, 2, 2]], [[2]]),
        notes="The magnitude counts, not the largest value. The codes are symmetric: -127, never -128.",
    )
    yield SOURCE.hand(
        "row-of-zeros",
        "DYNT-S3",
        inputs={"x": f32([[0, -0.0], [127, 0]])},
        expected=_answer([[0, 0], [127, 0]], [[1], [1]]),
        notes="A padded row of zeros has the scale 1 and touches no other row.",
    )
    yield SOURCE.hand(
        "empty-rows",
        "DYNT-S2 DYNT-S3",
        inputs={"x": f32([[], []])},
        expected=_answer([[], []], [[1], [1]]),
        notes="A row without elements has the largest magnitude 0.",
    )
    yield SOURCE.hand(
        "single-element",
        "DYNT-S3 DYNT-S4",
        inputs={"x": f32([[127 * 2.0**-20], [-127 * 2.0**100]])},
        expected=_answer([[127], [-127]], [[2.0**-20], [2.0**100]]),
        notes="The only element of a row has the code of its sign, whatever its size.",
    )
    for size in (15, 16, 17, 31, 32, 33):
        x = (pattern((2, size), size, -4000, 3000) / 1024).tolist()
        yield SOURCE.exact(
            f"rows-of-{size}",
            "DYNT-S3 DYNT-S4",
            inputs={"x": f32(x)},
            expected=_found(x),
            notes="Sizes around the width of a vector: the tail belongs to the range and is quantised.",
        )
    x3 = (pattern((2, 2, 5), 7, -900, 900) / 64).tolist()
    found = [_codes_and_scales(rows) for rows in x3]
    yield SOURCE.exact(
        "batch-of-sequences",
        "DYNT-S2 DYNT-S4",
        inputs={"x": f32(x3)},
        expected=_loose([codes for codes, _ in found], [scales for _, scales in found]),
        notes="Only the last axis is one row; batch and sequence keep their own scales.",
    )
    yield SOURCE.hand(
        "float64-becomes-a-tie",
        "DYNT-S1",
        inputs={"x": f64([[127, 0.5 + 2.0**-40, 1.5 - 2.0**-40]])},
        expected=_answer([[127, 0, 2]], [[1]]),
        notes="Just beside a half, and the half itself in float32; without that rounding the codes are 127, 1, 1.",
    )
    wide = [[1 + 2.0**-24, 0.1, -1 / 3]]
    yield SOURCE.exact(
        "float64-is-rounded-first",
        "DYNT-S1",
        inputs={"x": f64(wide)},
        expected=_found([[float32(value) for value in row] for row in wide]),
        notes="The range is that of the float32 values.",
    )
    tiny = 2.0**-120
    scale = float32(Fraction(tiny) / 127)
    yield SOURCE.exact(
        "subnormal-scale",
        "DYNT-S3",
        inputs={"x": f32([[tiny, -tiny / 2]])},
        expected=_answer([[0, 0]], [[1]]),
        allowed=[_answer([[quantized(v, scale, 0, -128, 127) for v in (tiny, -tiny / 2)]], [[scale]])],
        notes="""The scale would be subnormal and is 1. ONNX Runtime and the ONNX reference disagree here, so the
        subnormal scale is allowed as well, with what follows from it.""",
    )


def _answer(codes: Any, scale: Any) -> dict[str, Array]:
    return {"codes": i8(codes), "scale": f32(scale), "zero_point": i8(0)}


def _found(x: list[list[float]]) -> dict[str, Array | Loose]:
    return _loose(*_codes_and_scales(x))


def _loose(codes: Any, scales: Any) -> dict[str, Array | Loose]:
    return {"codes": i8(codes), "scale": Loose(f32(scales)), "zero_point": i8(0)}


def _codes_and_scales(x: list[list[float]]) -> tuple[list[list[int]], list[list[float]]]:
    scales = [float32(Fraction(max(abs(value) for value in row)) / 127) for row in x]
    codes = [[quantized(value, scale, 0, -128, 127) for value in row] for row, scale in zip(x, scales, strict=True)]
    return codes, [[scale] for scale in scales]
