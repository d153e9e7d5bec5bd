"""``divide`` against exact rational quotients."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import at, broadcast, indices
from refusal import violates
from strategies import FLOATS, pairs

from distilspec.reference.contract.errors import DTypeError, ShapeError
from distilspec.reference.ops import divide

MAGNITUDES = st.floats(2.0**-60, 2.0**60, width=32)


@given(pairs(FLOATS, MAGNITUDES | MAGNITUDES.map(lambda x: -x)))
def test_result_is_the_real_quotient_rounded_once_to_float64(case):
    """DIV-S1: shapes broadcast, and read-only operands in any layout are left alone."""
    a, b = case

    y = divide(a, b)

    assert y.dtype == np.float64
    assert y.shape == broadcast(a.shape, b.shape)
    for index in indices(y.shape):
        assert y[index] == float(Fraction(at(a, index)) / Fraction(at(b, index)))


@pytest.mark.filterwarnings("error")
def test_the_sign_of_a_zero_divisor_counts():
    """DIV-S2: without a warning."""
    y = divide(np.array([1.0, -1.0, 0.0, np.nan]), np.array([[0.0], [-0.0]]))

    assert str(y.tolist()) == "[[inf, -inf, nan, nan], [-inf, inf, nan, nan]]"


@pytest.mark.filterwarnings("error")
def test_special_values():
    """DIV-S1: infinities, NaN, signed zeros and overflow, without a warning."""
    y = divide(np.array([np.inf, np.inf, 1.0, 0.0, 1e308]), np.array([np.inf, -2.0, -np.inf, -3.0, 1e-10]))

    assert str(y.tolist()) == "[nan, -inf, -0.0, -0.0, inf]"


@pytest.mark.parametrize(
    ("a", "b", "error", "clause"),
    [
        (np.ones(2, np.int64), np.ones(2, np.int64), DTypeError, "DIV-C1"),
        (np.ones(2), np.ones(2, np.int64), DTypeError, "DIV-C1"),
        (np.ones((2, 3)), np.ones(2), ShapeError, "DIV-C2"),
    ],
)
def test_bad_operands_are_refused(a, b, error, clause):
    """DIV-C1, DIV-C2."""
    with violates(error, clause):
        divide(a, b)
