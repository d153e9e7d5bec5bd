"""``quantize`` against exact rational arithmetic with float32 rounding written out."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import float32, round_half_even, saturate
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import quantize

SCALES = st.floats(2.0**-149, 2.0**120, width=32) | st.integers(-20, 20).map(lambda exponent: 2.0**exponent)
ZERO_POINTS = st.integers(0, 255).map(np.uint8) | st.integers(-128, 127).map(np.int8)


def code(x, scale, zero_point):
    """Return the code by Q-S1 to Q-S4 for finite x, from fractions alone."""
    limits = np.iinfo(zero_point.dtype)
    try:
        quotient = float32(float32(Fraction(x)) / Fraction(float(scale)))
    except OverflowError:
        quotient = Fraction(10**6 if x > 0 else -(10**6))
    return saturate(round_half_even(quotient) + int(zero_point), int(limits.min), int(limits.max))


@st.composite
def cases(draw):
    """Draw a scale, a zero point, and values that lie on, beside and far from the half-way points of the codes."""
    scale = draw(SCALES)
    half_way = st.integers(-300, 300).map(lambda k: (k + 0.5) * scale)
    beside = half_way.flatmap(lambda x: st.sampled_from([np.nextafter(np.float32(x), np.float32(s)) for s in (-1, 1)]))
    x = draw(st.lists(half_way | beside.map(float) | st.floats(-1e300, 1e300), min_size=1, max_size=20))
    return x, np.float32(scale), draw(ZERO_POINTS)


@given(cases())
def test_codes_are_those_of_exact_arithmetic(case):
    """Q-S1 to Q-S4: rounding to float32, one float32 division, ties to even, zero point, saturation."""
    x, scale, zero_point = case

    codes = quantize(np.array(x, np.float64), scale, zero_point)

    assert codes.dtype == zero_point.dtype
    assert codes.tolist() == [code(value, scale, zero_point) for value in x]


def test_a_tie_goes_to_even_before_the_zero_point_is_added():
    """Q-S3, Q-S4: the vector that tells the four published rules apart, with an even and an odd zero point."""
    x = np.float32([1, 3, -1, 5])

    assert quantize(x, np.float32(2), np.uint8(1)).tolist() == [1, 3, 1, 3]
    assert quantize(x, np.float32(2), np.int8(-2)).tolist() == [-2, 0, -2, 0]


def test_x_is_rounded_to_float32_before_the_division():
    """Q-S1: 0.5 + 2**-40 is above the tie in float64, and on it in float32."""
    assert quantize(np.array([0.5 + 2.0**-40]), np.float32(1), np.uint8(0)).tolist() == [0]


def test_the_quotient_is_a_float32():
    """Q-S2: the real quotient lies below 1.5, the nearest float32 is 1.5 itself, and that tie goes to 2."""
    x, scale = np.float32(1.5 - 2.0**-23), np.float32(1 - 2.0**-24)

    assert Fraction(float(x)) / Fraction(float(scale)) < Fraction(3, 2)
    assert quantize(x, scale, np.uint8(0)) == 2


@pytest.mark.parametrize(("zero_point", "lowest", "highest"), [(np.uint8(7), 0, 255), (np.int8(-7), -128, 127)])
def test_infinities_and_huge_values_saturate(zero_point, lowest, highest):
    """Q-S4: clipping happens before the cast to integers, where 1e30 would wrap."""
    x = np.float64([np.inf, -np.inf, 1e30, -1e30, 1e300, -1e300])

    assert quantize(x, np.float32(0.01), zero_point).tolist() == [highest, lowest] * 3


def test_nan_leaves_its_neighbours_alone():
    """Q-S5: the other codes are those of a tensor without the NaN."""
    codes = quantize(np.float32([1, np.nan, 3]), np.float32(2), np.uint8(1))

    assert codes[[0, 2]].tolist() == [1, 3]


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_each_index_of_the_axis_has_its_scale_and_zero_point(axis):
    """Q-S6: slice by slice, the codes are those of its own scale and zero point."""
    x = np.random.default_rng(0).normal(0, 50, (2, 3, 5))
    size = x.shape[axis]
    scale, zero_point = np.linspace(0.5, 1, size, dtype=np.float32), np.arange(size, dtype=np.int8)

    codes = quantize(x, scale, zero_point, axis=axis)

    for i in range(size):
        expected = quantize(x.take(i, axis), scale[i], zero_point[i])
        assert codes.take(i, axis).tolist() == expected.tolist()


def test_scale_and_zero_point_broadcast_without_an_axis():
    """Q-C2: one scale a row, one zero point a column."""
    codes = quantize(np.float32([[1, 2], [3, 4]]), np.float32([[1], [0.5]]), np.uint8([0, 10]))

    assert codes.tolist() == [[1, 12], [6, 18]]


def test_read_only_and_strided_operands_are_left_alone():
    """Q-S1: operands may be read-only views with any strides, and the result is fresh memory."""
    x = np.arange(6, dtype=np.float32)[::-2]
    x.flags.writeable = False

    codes = quantize(x, np.float32(1), np.uint8(0))

    assert codes.tolist() == [5, 3, 1]
    assert not np.shares_memory(codes, x)


X, SCALE, ZERO = np.zeros((2, 3), np.float32), np.float32(1), np.uint8(0)


@pytest.mark.parametrize(
    ("x", "scale", "zero_point", "axis", "error", "clause"),
    [
        (X.astype(np.int32), SCALE, ZERO, None, DTypeError, "Q-C1"),
        (X, SCALE, np.int32(0), None, DTypeError, "Q-C1"),
        (X, np.ones(2, np.float32), ZERO, None, ShapeError, "Q-C2"),
        (X, np.ones((5, 2, 3), np.float32), ZERO, None, ShapeError, "Q-C2"),
        (X, SCALE, np.zeros(2, np.uint8), None, ShapeError, "Q-C2"),
        (X, np.float64(1), ZERO, None, DTypeError, "Q-C3"),
        (X, np.float32(0), ZERO, None, RangeError, "Q-C3"),
        (X, np.float32(-1), ZERO, None, RangeError, "Q-C3"),
        (X, np.float32(np.inf), ZERO, None, RangeError, "Q-C3"),
        (X, np.float32([[1], [np.nan]]), ZERO, None, RangeError, "Q-C3"),
        (X, np.ones(3, np.float32), np.zeros(3, np.uint8), 2, RangeError, "Q-C4"),
        (X, np.ones(2, np.float32), np.zeros(2, np.uint8), 1, ShapeError, "Q-C4"),
        (X, np.ones(3, np.float32), ZERO, 1, ShapeError, "Q-C4"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(x, scale, zero_point, axis, error, clause):
    """Q-C1 to Q-C4."""
    with violates(error, clause):
        quantize(x, scale, zero_point, axis=axis)
