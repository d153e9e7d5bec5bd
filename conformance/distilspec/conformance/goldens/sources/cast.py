"""Cases of ``cast``."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Loose, Source, boolean, exact_reals, f32, f64, i8, i32, i64, u8
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("cast")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: every pair of kinds, rounding, truncation, wrapping, no elements."""
    yield SOURCE.hand(
        "float-to-bool",
        "CAST-S1",
        inputs={"x": f32([0, -0.0, 0.25, -1, 2.0**-126, math.nan, math.inf])},
        expected={"y": boolean([False, False, True, True, True, True, True])},
        attributes={"dtype": "bool"},
        notes="By value: 0.25 is True, though it truncates to 0.",
    )
    yield SOURCE.hand(
        "int64-to-bool",
        "CAST-S1",
        inputs={"x": i64([0, 1, -1, 256, 2**32])},
        expected={"y": boolean([False, True, True, True, True])},
        attributes={"dtype": "bool"},
        notes="The low byte of 256 and the low word of 2**32 are 0.",
    )
    yield SOURCE.hand(
        "bool-to-float",
        "CAST-S2",
        inputs={"x": boolean([True, False])},
        expected={"y": exact_reals([1, 0])},
        attributes={"dtype": "float"},
        notes="As masks are turned into factors.",
    )
    yield SOURCE.hand(
        "int64-to-float",
        "CAST-S2",
        inputs={"x": i64([-3, 0, 2**24, -(2**40)])},
        expected={"y": exact_reals([-3, 0, 2**24, -(2**40)])},
        attributes={"dtype": "float"},
        notes="Integers that float32 holds.",
    )
    yield SOURCE.hand(
        "uint8-to-float",
        "CAST-S2",
        inputs={"x": u8([0, 127, 128, 255])},
        expected={"y": exact_reals([0, 127, 128, 255])},
        attributes={"dtype": "float"},
        notes="Codes above 127 are not negative.",
    )
    yield SOURCE.hand(
        "float-to-float32",
        "CAST-S3",
        inputs={"x": f64([1 + 2.0**-24, 1 + 3 * 2.0**-24, 1 + 2.0**-24 + 2.0**-50, 1e39])},
        expected={"y": f32([1, 1 + 2.0**-22, 1 + 2.0**-23, math.inf])},
        attributes={"dtype": "float32"},
        notes="Ties go to the even significand; truncation gives 1, 1 + 2**-23, 1.",
    )
    yield SOURCE.hand(
        "denormal-to-float32",
        "CAST-S3",
        inputs={"x": f64([2.0**-150, 3 * 2.0**-150, 2.0**-127 + 2.0**-150])},
        expected={"y": Loose(f32([0, 2.0**-148, 2.0**-127]))},
        attributes={"dtype": "float32"},
        notes="Ties among denormal numbers, which a runtime may write as 0.",
    )
    yield SOURCE.hand(
        "float-to-int32",
        "CAST-S4",
        inputs={"x": f32([1.75, -1.75, 0.5, -0.5, 2147483520, -2147483648])},
        expected={"y": i32([1, -1, 0, 0, 2147483520, -2147483648])},
        attributes={"dtype": "int32"},
        notes="Towards zero; rounding gives 2 and -2, rounding down gives -2 and -1.",
    )
    yield SOURCE.hand(
        "float-to-uint8",
        "CAST-S4",
        inputs={"x": f32([255.9, -0.9, 128.5])},
        expected={"y": u8([255, 0, 128])},
        attributes={"dtype": "uint8"},
        notes="In range after truncation.",
    )
    yield SOURCE.hand(
        "int64-to-int8",
        "CAST-S5",
        inputs={"x": i64([127, 128, 255, 256, -129, 2**40 - 1])},
        expected={"y": i8([127, -128, -1, 0, 127, -1])},
        attributes={"dtype": "int8"},
        notes="Wraps: a cast is no saturation.",
    )
    yield SOURCE.hand(
        "int8-to-uint8",
        "CAST-S5",
        inputs={"x": i8([-128, -1, 0, 127])},
        expected={"y": u8([128, 255, 0, 127])},
        attributes={"dtype": "uint8"},
        notes="The same bits.",
    )
    yield SOURCE.hand(
        "bool-to-int64",
        "CAST-S5",
        inputs={"x": boolean([[True, False]])},
        expected={"y": i64([[1, 0]])},
        attributes={"dtype": "int64"},
        notes="As masks are counted.",
    )
    yield SOURCE.hand(
        "empty",
        "CAST-S4",
        inputs={"x": np.zeros((0, 2), np.float32)},
        expected={"y": np.zeros((0, 2), np.int64)},
        attributes={"dtype": "int64"},
        notes="No elements.",
    )
