"""``equal`` against exact rational comparison."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import at, broadcast, indices
from refusal import violates
from strategies import ANY_TYPE, FLOATS, pairs

from distilspec.reference.contract.errors import DTypeError, ShapeError
from distilspec.reference.ops import equal

CLOSE = st.integers(-1, 1)


@given(pairs(ANY_TYPE) | pairs(FLOATS, CLOSE.map(float)) | pairs(st.just("int64"), CLOSE))
def test_equality_is_that_of_the_exact_values(case):
    """EQ-S1: shapes broadcast, and read-only operands in any layout are left alone."""
    a, b = case

    y = equal(a, b)

    assert y.dtype == np.bool_
    assert y.shape == broadcast(a.shape, b.shape)
    for index in indices(y.shape):
        assert y[index] == (Fraction(at(a, index)) == Fraction(at(b, index)))


def test_neither_integers_nor_floats_are_rounded_before_they_are_compared():
    """EQ-S1."""
    assert equal(np.int64([2**53, 2**53]), np.int64([2**53 + 1, 2**53])).tolist() == [False, True]
    assert equal(np.float32([0.1, 0.5]), np.array([0.1, 0.5])).tolist() == [False, True]


@pytest.mark.filterwarnings("error")
def test_special_values():
    """EQ-S2: NaN equals nothing, the zeros and the infinities equal themselves."""
    values = np.array([np.nan, 0.0, -0.0, np.inf, -np.inf])

    assert equal(values[:, np.newaxis], values).tolist() == [
        [False, False, False, False, False],
        [False, True, True, False, False],
        [False, True, True, False, False],
        [False, False, False, True, False],
        [False, False, False, False, True],
    ]


@pytest.mark.parametrize(
    ("a", "b", "error", "clause"),
    [
        (np.ones(2), np.ones(2, np.int64), DTypeError, "EQ-C1"),
        (np.ones(2, np.bool_), np.ones(2, np.int64), DTypeError, "EQ-C1"),
        (np.ones(2, np.float16), np.ones(2, np.float16), DTypeError, "EQ-C1"),
        (np.ones((2, 3)), np.ones(2), ShapeError, "EQ-C2"),
    ],
)
def test_bad_operands_are_refused(a, b, error, clause):
    """EQ-C1, EQ-C2."""
    with violates(error, clause):
        equal(a, b)
