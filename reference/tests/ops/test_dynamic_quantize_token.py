"""``dynamic_quantize_token`` against exact rational arithmetic, row by row."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import float32, round_half_even, saturate
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import dynamic_quantize_token

SMALLEST_NORMAL = Fraction(2) ** -126
TIES = st.integers(-255, 255).map(lambda k: k / 2)
ELEMENTS = st.floats(-(2.0**127), 2.0**127) | st.floats(-(2.0**-115), 2.0**-115) | st.floats(-8, 8) | TIES
TENSORS = hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, min_side=0, max_side=5), elements=ELEMENTS)


@given(TENSORS)
def test_codes_and_scales_are_those_of_exact_arithmetic(x):
    """DYNT-S1 to DYNT-S4: the formula in fractions, with each float32 rounding written out."""
    codes, scale, zero_point = dynamic_quantize_token(x)

    assert (codes.dtype, scale.dtype, zero_point.dtype) == (np.int8, np.float32, np.int8)
    assert (codes.shape, scale.shape, zero_point.shape) == (x.shape, (*x.shape[:-1], 1), ())
    assert zero_point == 0
    for row in np.ndindex(x.shape[:-1]):
        values = [float32(Fraction(value)) for value in x[row].tolist()]
        exact = float32(max([Fraction(0), *map(abs, values)]) / 127)
        exact = Fraction(1) if exact < SMALLEST_NORMAL else exact
        assert Fraction(float(scale[row].item())) == exact
        assert codes[row].tolist() == [saturate(round_half_even(float32(value / exact)), -128, 127) for value in values]


@given(TENSORS)
def test_minus_128_is_never_needed(x):
    """DYNT-S3, DYNT-S4: the codes are symmetric."""
    assert (dynamic_quantize_token(x).codes.astype(int) >= -127).all()


def test_a_row_depends_on_no_other_row():
    """DYNT-S2: a row alone has the codes that it has in a batch."""
    x = np.random.default_rng(0).normal(size=(2, 3, 8)) * [[[1], [1000], [0.001]]]

    together = dynamic_quantize_token(x)

    for row in np.ndindex(2, 3):
        alone = dynamic_quantize_token(x[row])
        assert alone.codes.tolist() == together.codes[row].tolist()
        assert alone.scale.tolist() == together.scale[row].tolist()


def test_ties_go_to_even():
    """DYNT-S4: 0.5, 1.5, -2.5 and -3.5 with scale 1."""
    assert dynamic_quantize_token(np.float32([127, 0.5, 1.5, -2.5, -3.5])).codes.tolist() == [127, 0, 2, -2, -4]


@pytest.mark.parametrize(
    ("x", "error", "clause"),
    [
        (np.zeros(3, np.int8), DTypeError, "DYNT-C1"),
        (np.zeros((), np.float32), ShapeError, "DYNT-C2"),
        (np.float32([0, np.nan]), RangeError, "DYNT-C3"),
        (np.float32([0, np.inf]), RangeError, "DYNT-C3"),
        (np.float64([-1e39]), RangeError, "DYNT-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(x, error, clause):
    """DYNT-C1 to DYNT-C3."""
    with violates(error, clause):
        dynamic_quantize_token(x)
