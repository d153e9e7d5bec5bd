"""``symmetric_scale`` against exact rational arithmetic with float32 rounding written out."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import float32
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError
from distilspec.reference.ops import quantize, symmetric_scale

SMALLEST_NORMAL = Fraction(2) ** -126
MAGNITUDES = st.floats(0, 2.0**127) | st.floats(0, 2.0**-115)
LARGEST_CODES = st.integers(1, 127) | st.just(64)


@given(st.lists(MAGNITUDES, max_size=10))
def test_scale_is_one_float32_division_by_127(magnitudes):
    """SYM-S1, SYM-S2: rounded to float32 before and after the division; 1 below the smallest normal number."""
    exact = [float32(float32(Fraction(value)) / 127) for value in magnitudes]

    scale = symmetric_scale(np.array(magnitudes, np.float64))

    assert scale.dtype == np.float32
    assert scale.tolist() == [1 if value < SMALLEST_NORMAL else value for value in exact]


@given(st.lists(MAGNITUDES, max_size=10), LARGEST_CODES)
def test_another_largest_code_takes_the_place_of_127(magnitudes, code):
    """SYM-S2, SYM-S3: the same formula with another divisor."""
    exact = [float32(float32(Fraction(value)) / code) for value in magnitudes]

    scale = symmetric_scale(np.array(magnitudes, np.float64), largest_code=code)

    assert scale.dtype == np.float32
    assert scale.tolist() == [1 if value < SMALLEST_NORMAL else value for value in exact]


@pytest.mark.parametrize(
    ("largest", "scale"),
    [
        (0.0, 1.0),
        (-0.0, 1.0),
        (2.0**-149, 1.0),
        (127 * 2.0**-126, 2.0**-126),
        (127 * 2.0**-126 - 2.0**-143, 1.0),
    ],
)
def test_zero_and_subnormal_scales_are_one(largest, scale):
    """SYM-S2: the smallest normal scale is kept, the float32 below it is replaced."""
    assert symmetric_scale(np.float32(largest)) == np.float32(scale)


@given(st.floats(0, allow_nan=False, allow_infinity=False, width=32), LARGEST_CODES | st.just(127))
def test_the_largest_magnitude_gets_the_largest_code_and_none_is_beyond(largest, code):
    """SYM-S1 to SYM-S3: its two signs have opposite codes, the largest ones or, for scale 1, 0; never -128."""
    scale = symmetric_scale(np.float32(largest), largest_code=code)
    codes = quantize(np.float32([-largest, largest]), scale, np.int8(0))

    assert codes.tolist() in ([-code, code], [0, 0])


@pytest.mark.parametrize(
    ("largest", "error", "clause"),
    [
        (np.array([1]), DTypeError, "SYM-C1"),
        (np.float32([1, -1]), RangeError, "SYM-C2"),
        (np.float32([np.nan]), RangeError, "SYM-C2"),
        (np.float32([np.inf]), RangeError, "SYM-C2"),
        (np.float64([1e39]), RangeError, "SYM-C2"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(largest, error, clause):
    """SYM-C1, SYM-C2."""
    with violates(error, clause):
        symmetric_scale(largest)


@pytest.mark.parametrize("code", [0, -64, 128, 63.5, np.nan, "64", None])
def test_a_largest_code_that_int8_has_not_on_both_sides_is_refused(code):
    """SYM-C3."""
    with violates(RangeError, "SYM-C3"):
        symmetric_scale(np.float32([1]), largest_code=code)
