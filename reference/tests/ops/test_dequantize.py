"""``dequantize`` against exact rational products."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import dequantize, quantize

SCALES = st.floats(2.0**-149, 2.0**120, width=32)


@given(st.sampled_from([np.uint8, np.int8]), SCALES, st.data())
def test_the_product_is_exact_for_every_code(dtype, scale, data):
    """DQ-S1: all 256 codes, any zero point, as fractions."""
    limits = np.iinfo(dtype)
    zero_point = data.draw(st.integers(int(limits.min), int(limits.max)))
    codes = np.arange(limits.min, limits.max + 1).astype(dtype)

    y = dequantize(codes, np.float32(scale), dtype(zero_point))

    assert [Fraction(value) for value in y.tolist()] == [
        Fraction(scale) * (code - zero_point) for code in codes.tolist()
    ]


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1), SCALES)
def test_int32_codes_are_rounded_once(code, zero_point, scale):
    """DQ-S1: the difference may need 33 bits, and the product is the nearest float64."""
    y = dequantize(np.array([code], np.int32), np.float32(scale), np.int32(zero_point))

    assert y.tolist() == [float(Fraction(scale) * (code - zero_point))]


def test_an_absent_zero_point_is_zero():
    """DQ-S2: with and without an axis."""
    assert dequantize(np.uint8([[0, 255]]), np.float32(0.5)).tolist() == [[0, 127.5]]
    assert dequantize(np.int8([[-128, 127]]), np.float32([1, 2]), axis=1).tolist() == [[-128, 254]]


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_each_index_of_the_axis_has_its_scale_and_zero_point(axis):
    """DQ-S3: slice by slice, the values are those of its own scale and zero point."""
    codes = np.random.default_rng(0).integers(0, 256, (2, 3, 5)).astype(np.uint8)
    size = codes.shape[axis]
    scale, zero_point = np.linspace(0.5, 1, size, dtype=np.float32), np.arange(size, dtype=np.uint8)

    y = dequantize(codes, scale, zero_point, axis=axis)

    for i in range(size):
        assert y.take(i, axis).tolist() == dequantize(codes.take(i, axis), scale[i], zero_point[i]).tolist()


@given(st.floats(2.0**-100, 2.0**100, width=32), st.integers(0, 255))
def test_quantizing_the_values_gives_the_codes_back(scale, zero_point):
    """DQ-S1: dequantize then quantize is the identity on codes."""
    codes = np.arange(256).astype(np.uint8)

    y = dequantize(codes, np.float32(scale), np.uint8(zero_point))

    assert quantize(y, np.float32(scale), np.uint8(zero_point)).tolist() == codes.tolist()


CODES, SCALE, ZERO = np.zeros((2, 3), np.uint8), np.float32(1), np.uint8(0)


@pytest.mark.parametrize(
    ("codes", "scale", "zero_point", "axis", "error", "clause"),
    [
        (CODES.astype(np.float32), SCALE, None, None, DTypeError, "DQ-C1"),
        (CODES, SCALE, np.int8(0), None, DTypeError, "DQ-C1"),
        (CODES, np.ones(2, np.float32), None, None, ShapeError, "DQ-C2"),
        (CODES, SCALE, np.zeros(2, np.uint8), None, ShapeError, "DQ-C2"),
        (CODES, np.float64(1), ZERO, None, DTypeError, "DQ-C3"),
        (CODES, np.float32(0), ZERO, None, RangeError, "DQ-C3"),
        (CODES, np.ones(3, np.float32), None, -3, RangeError, "DQ-C4"),
        (CODES, np.ones(2, np.float32), None, 1, ShapeError, "DQ-C4"),
        (CODES, np.ones(3, np.float32), np.zeros(2, np.uint8), 1, ShapeError, "DQ-C4"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(codes, scale, zero_point, axis, error, clause):
    """DQ-C1 to DQ-C4."""
    with violates(error, clause):
        dequantize(codes, scale, zero_point, axis=axis)
