"""``asymmetric_scale`` against exact rational arithmetic with float32 rounding written out."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import float32, round_half_even, saturate
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import asymmetric_scale, quantize

SMALLEST_NORMAL = Fraction(2) ** -126
ENDS = (
    st.floats(-(2.0**126), 2.0**126) | st.floats(-(2.0**-115), 2.0**-115) | st.integers(-600, 600).map(lambda k: k / 2)
)
RANGES = st.tuples(ENDS, ENDS).map(sorted)


@given(RANGES)
def test_scale_and_zero_point_are_those_of_exact_arithmetic(ends):
    """ASYM-S1 to ASYM-S4: one float32 rounding after each of two roundings in, one difference and two divisions."""
    low = min(float32(Fraction(ends[0])), Fraction(0))
    high = max(float32(Fraction(ends[1])), Fraction(0))
    exact = float32(float32(high - low) / 255)
    exact = Fraction(1) if exact < SMALLEST_NORMAL else exact

    scale, zero_point = asymmetric_scale(*np.array(ends, np.float64))

    assert (scale.dtype, zero_point.dtype) == (np.float32, np.uint8)
    assert Fraction(float(scale)) == exact
    assert zero_point == saturate(round_half_even(float32(-low / exact)), 0, 255)


@given(RANGES)
def test_zero_is_represented_exactly_and_the_ends_within_half_a_step(ends):
    """ASYM-S1, ASYM-S4: 0 has the code of the zero point, whatever the range, and the ends lie half a code away."""
    scale, zero_point = asymmetric_scale(*np.array(ends, np.float64))

    codes = quantize(np.array([0.0, *ends]), scale, zero_point).astype(int)

    assert codes[0] == zero_point
    back = (codes[1:] - int(zero_point)) * float(scale)
    assert (np.abs(back - ends) <= float(scale) * 0.5001).all()


def test_ties_of_the_zero_point_go_to_even():
    """ASYM-S4: 0.5, 1.5 and 2.5."""
    low = np.float32([-0.5, -1.5, -2.5])

    scale, zero_point = asymmetric_scale(low, low + np.float32(255))

    assert scale.tolist() == [1, 1, 1]
    assert zero_point.tolist() == [0, 2, 2]


@pytest.mark.parametrize("width", [0.0, 2.0**-149, 255 * 2.0**-127])
def test_zero_and_subnormal_scales_are_one(width):
    """ASYM-S3: both sides of zero."""
    assert asymmetric_scale(np.float32(0), np.float32(width)) == (1, 0)
    assert asymmetric_scale(np.float32(-width), np.float32(0)) == (1, 0)


def test_the_smallest_normal_scale_is_kept():
    """ASYM-S3: 255 * 2**-126 is divided as usual."""
    assert asymmetric_scale(np.float32(-255 * 2.0**-126), np.float32(0)) == (np.float32(2.0**-126), 255)


ONE = np.float32(1)


@pytest.mark.parametrize(
    ("minimum", "maximum", "error", "clause"),
    [
        (np.int32(0), ONE, DTypeError, "ASYM-C1"),
        (ONE, np.ones(2, np.float32), ShapeError, "ASYM-C1"),
        (ONE, np.float32(0.5), RangeError, "ASYM-C2"),
        (np.float32(np.nan), ONE, RangeError, "ASYM-C3"),
        (ONE, np.float32(np.inf), RangeError, "ASYM-C3"),
        (np.float64(-1e39), ONE, RangeError, "ASYM-C3"),
        (np.float32(-3e38), np.float32(3e38), RangeError, "ASYM-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(minimum, maximum, error, clause):
    """ASYM-C1 to ASYM-C3."""
    with violates(error, clause):
        asymmetric_scale(minimum, maximum)
