"""``multiply`` against exact rational and integer products."""

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
from distilspec.reference.ops import multiply


@given(pairs(FLOATS))
def test_floats_give_the_real_number_rounded_once_to_float64(case):
    """MUL-S1: shapes broadcast, and read-only operands in any layout are left alone."""
    a, b = case

    y = multiply(a, b)

    assert y.dtype == np.float64
    assert y.shape == broadcast(a.shape, b.shape)
    for index in indices(y.shape):
        assert y[index] == float(Fraction(at(a, index)) * Fraction(at(b, index)))


@given(pairs(st.just("int64")))
def test_int64_is_exact(case):
    """MUL-S2: the result is int64, and never passes through a float."""
    a, b = case

    y = multiply(a, b)

    assert y.dtype == np.int64
    assert y.shape == broadcast(a.shape, b.shape)
    for index in indices(y.shape):
        assert y[index] == at(a, index) * at(b, index)


def test_int64_reaches_both_ends_of_its_range():
    """MUL-S2."""
    y = multiply(np.int64([3037000499, -(2**32), 2**53 + 1]), np.int64([3037000499, 2**31, 3]))

    assert y.tolist() == [9223372030926249001, -(2**63), 3 * 2**53 + 3]


@pytest.mark.filterwarnings("error")
def test_special_values():
    """MUL-S1: infinities, NaN, signed zeros and overflow, without a warning."""
    y = multiply(
        np.array([np.inf, -np.inf, 0.0, -0.0, -0.0, 1e308]),
        np.array([0.0, 2.0, np.nan, 3.0, -3.0, -10.0]),
    )

    assert str(y.tolist()) == "[nan, -inf, nan, -0.0, 0.0, -inf]"


@pytest.mark.parametrize(
    ("a", "b", "error", "clause"),
    [
        (np.ones(2), np.ones(2, np.int64), DTypeError, "MUL-C1"),
        (np.ones(2, np.int32), np.ones(2, np.int32), DTypeError, "MUL-C1"),
        (np.ones(2, np.bool_), np.ones(2, np.bool_), DTypeError, "MUL-C1"),
        (np.ones((2, 3)), np.ones(2), ShapeError, "MUL-C2"),
        (np.ones((2, 0)), np.ones((2, 2)), ShapeError, "MUL-C2"),
    ],
)
def test_bad_operands_are_refused(a, b, error, clause):
    """MUL-C1, MUL-C2."""
    with violates(error, clause):
        multiply(a, b)
