"""``where`` against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import at, broadcast, indices
from refusal import violates
from strategies import ANY_TYPE, arrays, broadcastable_shapes

from distilspec.reference.contract.errors import DTypeError, ShapeError
from distilspec.reference.ops import where


@st.composite
def choices(draw):
    """Draw a condition and two operands of one dtype that all broadcast."""
    shapes, dtype = draw(broadcastable_shapes(3)), draw(ANY_TYPE)
    return tuple(draw(arrays(kind, shape)) for kind, shape in zip(("bool", dtype, dtype), shapes, strict=True))


@given(choices())
def test_every_element_is_that_of_the_chosen_operand(case):
    """WHERE-S1: the dtype is kept, in fresh memory; read-only operands in any layout are left alone."""
    condition, a, b = case

    y = where(condition, a, b)

    assert y.dtype == a.dtype
    assert y.shape == broadcast(condition.shape, a.shape, b.shape)
    assert not np.shares_memory(y, a)
    assert not np.shares_memory(y, b)
    for index in indices(y.shape):
        assert y[index] == (at(a, index) if at(condition, index) else at(b, index))


@pytest.mark.filterwarnings("error")
def test_what_is_not_taken_leaves_no_trace():
    """WHERE-S1: NaN and infinities on the other side included; the zero keeps its sign."""
    y = where(np.array([True, False, True]), np.array([-0.0, np.nan, np.inf]), np.array([np.nan, 2.0, -np.inf]))

    assert str(y.tolist()) == "[-0.0, 2.0, inf]"


def test_float32_meets_float64_in_float64():
    """WHERE-C2, WHERE-S1: the values are those of the operands."""
    y = where(np.array([True, False]), np.float32([0.1]), np.array([0.1]))

    assert y.dtype == np.float64
    assert y.tolist() == [float(np.float32(0.1)), 0.1]


MASK = np.ones(2, np.bool_)


@pytest.mark.parametrize(
    ("condition", "a", "b", "error", "clause"),
    [
        (np.ones(2, np.int64), np.ones(2), np.ones(2), DTypeError, "WHERE-C1"),
        (MASK, np.ones(2), np.ones(2, np.int64), DTypeError, "WHERE-C2"),
        (MASK, np.ones(2, np.complex64), np.ones(2, np.complex64), DTypeError, "WHERE-C2"),
        (MASK, np.ones(3), np.ones(3), ShapeError, "WHERE-C3"),
        (MASK, np.ones(2), np.ones(3), ShapeError, "WHERE-C3"),
    ],
)
def test_bad_operands_are_refused(condition, a, b, error, clause):
    """WHERE-C1 to WHERE-C3."""
    with violates(error, clause):
        where(condition, a, b)
