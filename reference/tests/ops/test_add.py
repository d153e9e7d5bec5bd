"""``add`` against exact rational and integer sums."""

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
from distilspec.reference.ops import add


@given(pairs(FLOATS))
def test_floats_give_the_real_number_rounded_once_to_float64(case):
    """ADD-S1: shapes broadcast, and read-only operands in any layout are left alone."""
    a, b = case

    y = add(a, b)

    assert y.dtype == np.float64
    assert y.shape == broadcast(a.shape, b.shape)
    for index in indices(y.shape):
        assert y[index] == float(Fraction(at(a, index)) + Fraction(at(b, index)))


@given(pairs(st.just("int64")))
def test_int64_is_exact(case):
    """ADD-S2: the result is int64, and never passes through a float."""
    a, b = case

    y = add(a, b)

    assert y.dtype == np.int64
    assert y.shape == broadcast(a.shape, b.shape)
    for index in indices(y.shape):
        assert y[index] == at(a, index) + at(b, index)


def test_int64_reaches_both_ends_of_its_range():
    """ADD-S2."""
    y = add(np.int64([2**62 - 1, -(2**62), 2**53]), np.int64([2**62, -(2**62), 1]))

    assert y.tolist() == [2**63 - 1, -(2**63), 2**53 + 1]


@pytest.mark.filterwarnings("error")
def test_special_values():
    """ADD-S1: infinities, NaN, signed zeros and overflow, without a warning."""
    y = add(
        np.array([np.inf, -np.inf, 1.0, -0.0, -0.0, 1e308]),
        np.array([-np.inf, 1.0, np.nan, -0.0, 0.0, 1e308]),
    )

    assert str(y.tolist()) == "[nan, -inf, nan, -0.0, 0.0, inf]"


@pytest.mark.parametrize(
    ("a", "b", "error", "clause"),
    [
        (np.ones(2), np.ones(2, np.int64), DTypeError, "ADD-C1"),
        (np.ones(2, np.int32), np.ones(2, np.int32), DTypeError, "ADD-C1"),
        (np.ones(2, np.bool_), np.ones(2, np.bool_), DTypeError, "ADD-C1"),
        (np.ones((2, 3)), np.ones(2), ShapeError, "ADD-C2"),
        (np.ones((2, 0)), np.ones((2, 2)), ShapeError, "ADD-C2"),
    ],
)
def test_bad_operands_are_refused(a, b, error, clause):
    """ADD-C1, ADD-C2."""
    with violates(error, clause):
        add(a, b)
