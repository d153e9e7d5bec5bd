"""``relu`` against Python comparisons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates
from strategies import SIZES, reals

from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import relu

FLOATS = st.floats(-(2.0**120), 2.0**120, width=32)
SHAPES = st.lists(SIZES, max_size=2).map(tuple)


@given(SHAPES.flatmap(lambda shape: reals(shape, FLOATS)))
def test_negative_elements_become_zero_and_the_others_stay(x):
    """RELU-S1: read-only operands in any layout are left alone."""
    y = relu(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    assert not np.shares_memory(x, y)
    assert y.ravel().tolist() == [value if value > 0 else 0.0 for value in x.ravel().tolist()]


@pytest.mark.filterwarnings("error")
def test_special_values():
    """RELU-S1, RELU-S2: infinities are numbers; NaN is not mistaken for one that is not positive."""
    y = relu(np.array([np.nan, -1.0, -0.0, np.inf, -np.inf]))

    assert np.array_equal(y, [np.nan, 0, 0, np.inf, 0], equal_nan=True)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused(dtype):
    """RELU-C1: only float32 and float64 hold real numbers here."""
    with violates(DTypeError, "RELU-C1"):
        relu(np.ones(3, dtype))
