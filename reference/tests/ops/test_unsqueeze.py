"""``unsqueeze`` against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import indices
from refusal import violates
from strategies import ANY_TYPE, some_axes, tensors

from distilspec.reference.contract.errors import RangeError
from distilspec.reference.ops import unsqueeze


@given(st.data(), tensors(ANY_TYPE), st.integers(1, 3))
def test_axes_count_in_the_result(data, x, count):
    """USQ-S1: in any order, from the first or the last; in fresh memory; a read-only operand is left alone."""
    rank = x.ndim + count
    axes = data.draw(some_axes(rank, least=count))[:count]
    kept = [axis for axis in range(rank) if axis not in axes and axis - rank not in axes]

    y = unsqueeze(x, axes=axes)

    assert y.dtype == x.dtype
    assert [y.shape[axis] for axis in axes] == [1] * count
    assert [y.shape[axis] for axis in kept] == list(x.shape)
    assert not np.shares_memory(y, x)
    for index in indices(y.shape):
        assert y[index] == x[tuple(index[axis] for axis in kept)]


@pytest.mark.parametrize("axes", [(), (3,), (-4,), (0, 0), (0, -4), (4, 0)])
def test_bad_axes_are_refused(axes):
    """USQ-C1."""
    with violates(RangeError, "USQ-C1"):
        unsqueeze(np.zeros((2, 3)), axes=axes)
