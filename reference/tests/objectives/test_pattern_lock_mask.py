"""``pattern_lock_mask``."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates
from strategies import FLOATS, tensors

from distilspec.reference.contract.errors import DTypeError, RangeError
from distilspec.reference.objectives import pattern_lock_mask


@given(tensors(FLOATS, values=st.sampled_from([0.0, -0.0, 1e-45, -1.0, 3e38]).map(np.float32).map(float)))
def test_zeros_of_either_sign_are_dropped_and_nothing_else(weight):
    """LOCK-S1: a subnormal number is a weight."""
    mask = pattern_lock_mask(weight)

    assert mask.dtype == np.bool_
    assert mask.shape == weight.shape
    assert mask.ravel().tolist() == [value != 0 for value in weight.ravel().tolist()]


@pytest.mark.parametrize(("weight", "error"), [(np.zeros(2, np.int8), DTypeError), (np.array([np.nan]), RangeError)])
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(weight, error):
    """LOCK-C1."""
    with violates(error, "LOCK-C1"):
        pattern_lock_mask(weight)
