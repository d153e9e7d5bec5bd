"""``minimum`` against Python's ``min``."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from loops import at, broadcast, indices
from refusal import violates
from strategies import NUMBERS, pairs

from distilspec.reference.contract.errors import DTypeError, ShapeError
from distilspec.reference.ops import minimum


@given(pairs(NUMBERS))
def test_every_element_is_that_of_one_operand(case):
    """MIN-S1, MIN-S2: floats give float64, int64 stays int64; read-only operands in any layout are left alone."""
    a, b = case

    y = minimum(a, b)

    assert y.dtype == (np.int64 if a.dtype == np.int64 else np.float64)
    assert y.shape == broadcast(a.shape, b.shape)
    assert not np.shares_memory(y, a)
    assert not np.shares_memory(y, b)
    for index in indices(y.shape):
        assert y[index] == min(at(a, index), at(b, index))


def test_int64_does_not_pass_through_a_float():
    """MIN-S2: 2**53 and its neighbour are the same float64."""
    assert minimum(np.int64([2**53, 2**53 + 1]), np.int64([2**53 + 1, 2**53])).tolist() == [min(2**53, 2**53 + 1)] * 2


@pytest.mark.filterwarnings("error")
def test_nan_wins_from_both_sides():
    """MIN-S3, MIN-S1: and infinities are ordered."""
    y = minimum(np.float32([np.nan, np.inf, np.inf, -np.inf]), np.float32([0, np.nan, 1, 1]))

    assert str(y.tolist()) == "[nan, nan, 1.0, -inf]"


@pytest.mark.parametrize(
    ("a", "b", "error", "clause"),
    [
        (np.ones(2), np.ones(2, np.int64), DTypeError, "MIN-C1"),
        (np.ones(2, np.int8), np.ones(2, np.int8), DTypeError, "MIN-C1"),
        (np.ones((2, 3)), np.ones(2), ShapeError, "MIN-C2"),
    ],
)
def test_bad_operands_are_refused(a, b, error, clause):
    """MIN-C1, MIN-C2."""
    with violates(error, clause):
        minimum(a, b)
