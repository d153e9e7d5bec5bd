"""``sigmoid`` against 50-digit arithmetic."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates
from strategies import SIZES, reals

from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import sigmoid

FLOATS = st.floats(-800, 800, width=32)
SHAPES = st.lists(SIZES, max_size=2).map(tuple)


@given(SHAPES.flatmap(lambda shape: reals(shape, FLOATS)))
def test_every_element_is_within_8_ulp_of_the_exact_value(x):
    """SIG-S1: 4 ulp for the exponential and one rounding each for sum and quotient, at 50 digits."""
    y = sigmoid(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    assert not np.shares_memory(x, y)
    with mp.workdps(50):
        for got, at in zip(y.ravel().tolist(), map(mp.mpf, x.ravel().tolist()), strict=True):
            assert abs(mp.mpf(got) - 1 / (1 + mp.exp(-at))) <= 8 * math.ulp(got) + mp.mpf(2) ** -1022


@pytest.mark.filterwarnings("error")
def test_special_values():
    """SIG-S1: the limits at the infinities, and no overflow."""
    y = sigmoid(np.array([np.inf, -np.inf, np.nan, -0.0, 1e308, -1e308]))

    assert repr(y.tolist()) == "[1.0, 0.0, nan, 0.5, 1.0, 0.0]"


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused(dtype):
    """SIG-C1: only float32 and float64 hold real numbers here."""
    with violates(DTypeError, "SIG-C1"):
        sigmoid(np.ones(3, dtype))
