"""``transpose`` against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import indices
from refusal import violates
from strategies import ANY_TYPE, tensors

from distilspec.reference.contract.errors import RangeError
from distilspec.reference.ops import transpose


@given(st.data(), tensors(ANY_TYPE))
def test_axis_k_of_the_result_is_axis_axes_k_of_x(data, x):
    """TRAN-S1: in fresh memory; a read-only operand in any layout is left alone."""
    axes = tuple(data.draw(st.permutations(range(x.ndim))))

    y = transpose(x, axes=axes)

    assert y.dtype == x.dtype
    assert y.shape == tuple(x.shape[axis] for axis in axes)
    assert not np.shares_memory(y, x)
    for index in indices(x.shape):
        assert y[tuple(index[axis] for axis in axes)] == x[index]


@pytest.mark.parametrize("axes", [(), (0,), (0, 0), (0, 2), (-1, 0), (0, 1, 2)])
def test_anything_but_a_permutation_is_refused(axes):
    """TRAN-C1: negative axes included."""
    with violates(RangeError, "TRAN-C1"):
        transpose(np.zeros((2, 3)), axes=axes)
