"""``greater`` against exact rational order."""

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
from distilspec.reference.ops import greater

INTEGERS = st.sampled_from(["int64", "int32", "uint8", "int8"])
CLOSE = st.integers(-3, 3)


@given(pairs(FLOATS) | pairs(INTEGERS) | pairs(FLOATS, CLOSE.map(float)) | pairs(st.just("int64"), CLOSE))
def test_order_is_that_of_the_exact_values(case):
    """GT-S1: shapes broadcast, and read-only operands in any layout are left alone."""
    a, b = case

    y = greater(a, b)

    assert y.dtype == np.bool_
    assert y.shape == broadcast(a.shape, b.shape)
    for index in indices(y.shape):
        assert y[index] == (Fraction(at(a, index)) > Fraction(at(b, index)))


def test_neither_integers_nor_floats_are_rounded_before_they_are_compared():
    """GT-S1."""
    assert greater(np.int64([2**53 + 1, 2**53, 1]), np.int64([2**53, 2**53 + 1, 1])).tolist() == [True, False, False]
    assert greater(np.float32([0.1]), np.array([0.1])).tolist() == [True]
    assert greater(np.array([0.1]), np.float32([0.1])).tolist() == [False]


@pytest.mark.filterwarnings("error")
def test_special_values():
    """GT-S2: infinities are ordered, NaN is not, and the zeros are equal."""
    y = greater(np.array([np.inf, -np.inf, np.nan, 1.0, -0.0]), np.array([1.0, 1.0, 1.0, np.nan, 0.0]))

    assert y.tolist() == [True, False, False, False, False]
    assert greater(np.array([0.0, np.nan, np.inf]), np.array([-0.0, np.nan, np.inf])).tolist() == [False, False, False]


@pytest.mark.parametrize(
    ("a", "b", "error", "clause"),
    [
        (np.ones(2), np.ones(2, np.int64), DTypeError, "GT-C1"),
        (np.ones(2, np.int32), np.ones(2, np.int64), DTypeError, "GT-C1"),
        (np.ones(2, np.bool_), np.ones(2, np.bool_), DTypeError, "GT-C1"),
        (np.ones((2, 3)), np.ones(2), ShapeError, "GT-C2"),
    ],
)
def test_bad_operands_are_refused(a, b, error, clause):
    """GT-C1, GT-C2."""
    with violates(error, clause):
        greater(a, b)
