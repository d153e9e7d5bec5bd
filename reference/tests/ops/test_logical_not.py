"""``logical_not`` against Python's ``not``."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import at, indices
from refusal import violates
from strategies import tensors

from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import logical_not


@given(tensors(st.just("bool")))
def test_every_element_is_the_opposite(x):
    """NOT-S1: in fresh memory; read-only operands in any layout are left alone."""
    y = logical_not(x)

    assert y.dtype == np.bool_
    assert y.shape == x.shape
    assert not np.shares_memory(y, x)
    for index in indices(x.shape):
        assert y[index] == (not at(x, index))


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32])
def test_numbers_are_refused(dtype):
    """NOT-C1: the bitwise not of 1 is -2, which is true."""
    with violates(DTypeError, "NOT-C1"):
        logical_not(np.ones(2, dtype))
