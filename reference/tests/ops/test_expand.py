"""``expand`` against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import at, broadcast, indices
from refusal import violates
from strategies import ANY_TYPE, arrays, broadcastable_shapes

from distilspec.reference.contract.errors import RangeError, ShapeError
from distilspec.reference.ops import expand


@st.composite
def expansions(draw):
    """Draw an operand and a shape that broadcast."""
    own, shape = draw(broadcastable_shapes(2))
    return draw(arrays(draw(ANY_TYPE), own)), shape


@given(expansions())
def test_both_shapes_broadcast(case):
    """EXPD-S1, EXPD-S2: in fresh memory; a read-only operand in any layout is left alone."""
    x, shape = case

    y = expand(x, shape=shape)

    assert y.dtype == x.dtype
    assert y.shape == broadcast(x.shape, shape)
    assert not np.shares_memory(y, x)
    for index in indices(y.shape):
        assert y[index] == at(x, index)


def test_a_one_or_a_missing_axis_keeps_the_size_of_x():
    """EXPD-S1: both shapes give way to each other."""
    assert expand(np.zeros((2, 1, 3)), shape=(7, 1)).shape == (2, 7, 3)
    assert expand(np.zeros((2, 3)), shape=()).shape == (2, 3)
    assert expand(np.zeros((1, 3)), shape=(0, 1)).shape == (0, 3)


def test_repeated_elements_do_not_share_memory():
    """EXPD-S2: a write to one copy leaves the others alone."""
    y = expand(np.zeros((1, 2)), shape=(2, 2))
    y[0, 0] = 1

    assert y.tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize(
    ("shape", "error", "clause"),
    [
        ((2, -1), RangeError, "EXPD-C1"),
        ((2, 2), ShapeError, "EXPD-C2"),
        ((0, 3), ShapeError, "EXPD-C2"),
    ],
)
def test_impossible_shapes_are_refused(shape, error, clause):
    """EXPD-C1, EXPD-C2."""
    with violates(error, clause):
        expand(np.zeros((2, 3)), shape=shape)
