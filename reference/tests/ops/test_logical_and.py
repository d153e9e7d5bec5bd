"""``logical_and`` against Python's ``and``."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import at, broadcast, indices
from refusal import violates
from strategies import pairs

from distilspec.reference.contract.errors import DTypeError, ShapeError
from distilspec.reference.ops import logical_and


@given(pairs(st.just("bool")))
def test_every_element_is_and(case):
    """AND-S1: shapes broadcast, in fresh memory; read-only operands in any layout are left alone."""
    a, b = case

    y = logical_and(a, b)

    assert y.dtype == np.bool_
    assert y.shape == broadcast(a.shape, b.shape)
    assert not np.shares_memory(y, a)
    for index in indices(y.shape):
        assert y[index] == (at(a, index) and at(b, index))


def test_truth_table():
    """AND-S1."""
    both = np.array([False, True])

    assert logical_and(both[:, np.newaxis], both).tolist() == [[False, False], [False, True]]


@pytest.mark.parametrize(
    ("a", "b", "error", "clause"),
    [
        (np.ones(2, np.bool_), np.ones(2, np.int64), DTypeError, "AND-C1"),
        (np.ones(2), np.ones(2, np.bool_), DTypeError, "AND-C1"),
        (np.ones((2, 3), np.bool_), np.ones(2, np.bool_), ShapeError, "AND-C2"),
    ],
)
def test_bad_operands_are_refused(a, b, error, clause):
    """AND-C1, AND-C2."""
    with violates(error, clause):
        logical_and(a, b)
