"""``squeeze`` against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import indices
from refusal import violates
from strategies import ANY_TYPE, SIZES, arrays, some_axes

from distilspec.reference.contract.errors import RangeError, ShapeError
from distilspec.reference.ops import squeeze


@st.composite
def cases(draw):
    """Draw a tensor with size 1 on some axes, and these axes."""
    shape = draw(st.lists(SIZES, min_size=1, max_size=4))
    axes = draw(some_axes(len(shape)))
    for axis in axes:
        shape[axis] = 1
    return draw(arrays(draw(ANY_TYPE), tuple(shape))), axes


@given(cases())
def test_only_the_named_axes_vanish(case):
    """SQZ-S1: in fresh memory; a read-only operand in any layout is left alone."""
    x, axes = case
    kept = [axis for axis in range(x.ndim) if axis not in axes and axis - x.ndim not in axes]

    y = squeeze(x, axes=axes)

    assert y.dtype == x.dtype
    assert y.shape == tuple(x.shape[axis] for axis in kept)
    assert not np.shares_memory(y, x)
    for index in indices(x.shape):
        assert y[tuple(index[axis] for axis in kept)] == x[index]


@pytest.mark.parametrize(
    ("axes", "error", "clause"),
    [
        ((), RangeError, "SQZ-C1"),
        ((3,), RangeError, "SQZ-C1"),
        ((-4,), RangeError, "SQZ-C1"),
        ((0, 0), RangeError, "SQZ-C1"),
        ((0, -3), RangeError, "SQZ-C1"),
        ((1,), ShapeError, "SQZ-C2"),
        ((0, -2), ShapeError, "SQZ-C2"),
    ],
)
def test_bad_axes_are_refused(axes, error, clause):
    """SQZ-C1, SQZ-C2."""
    with violates(error, clause):
        squeeze(np.zeros((1, 3, 1)), axes=axes)


def test_a_scalar_has_no_axis_to_squeeze():
    """SQZ-C1."""
    with violates(RangeError, "SQZ-C1"):
        squeeze(np.array(1.0), axes=(0,))
