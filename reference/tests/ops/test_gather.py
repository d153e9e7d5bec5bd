"""``gather`` against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import indices
from refusal import violates
from strategies import ANY_TYPE, SHAPES, arrays, tensors

from distilspec.reference.contract.errors import DTypeError, RangeError
from distilspec.reference.ops import gather


@st.composite
def cases(draw):
    """Draw a tensor with an axis and indices into it, none where the axis has none."""
    x = draw(tensors(ANY_TYPE, SHAPES.filter(bool)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    size = x.shape[axis]
    shape = draw(st.sampled_from([(), (1,), (7,), (2, 2)] if size else [(0,), (2, 0)]))
    places = st.integers(-size, size - 1) if size else st.just(0)
    return x, axis, draw(arrays(draw(st.sampled_from(["int64", "int32"])), shape, places))


@given(cases())
def test_every_index_takes_its_slice(case):
    """GATH-S1, GATH-S2: in fresh memory; read-only operands in any layout are left alone."""
    x, axis, chosen = case
    before = axis % x.ndim
    after = before + chosen.ndim

    y = np.asarray(gather(x, chosen, axis=axis))

    assert y.dtype == x.dtype
    assert y.shape == x.shape[:before] + chosen.shape + x.shape[before + 1 :]
    assert not np.shares_memory(y, x)
    for index in indices(y.shape):
        place = chosen[index[before:after]].item()
        assert y[index] == x[(*index[:before], place % x.shape[axis], *index[after:])]


def test_negative_indices_count_from_the_last():
    """GATH-S2."""
    assert gather(np.array([1, 2, 3]), np.array([-1, -3, 0, 2])).tolist() == [3, 1, 1, 3]


@pytest.mark.parametrize(
    ("chosen", "axis", "error", "clause"),
    [
        (np.array([0]), 2, RangeError, "GATH-C1"),
        (np.array([0]), -3, RangeError, "GATH-C1"),
        (np.array([0.0]), 0, DTypeError, "GATH-C2"),
        (np.array([True, False]), 0, DTypeError, "GATH-C2"),
        (np.array([0, 3]), 1, RangeError, "GATH-C3"),
        (np.array([[-4]]), 1, RangeError, "GATH-C3"),
        (np.array(2), 0, RangeError, "GATH-C3"),
    ],
)
def test_bad_indices_are_refused(chosen, axis, error, clause):
    """GATH-C1 to GATH-C3."""
    with violates(error, clause):
        gather(np.zeros((2, 3)), chosen, axis=axis)


def test_an_empty_axis_has_nothing_to_take():
    """GATH-C3."""
    with violates(RangeError, "GATH-C3"):
        gather(np.zeros((2, 0)), np.array([0]), axis=1)
