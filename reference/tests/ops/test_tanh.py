"""``tanh`` against 50-digit arithmetic."""

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
from distilspec.reference.ops import tanh

FLOATS = st.floats(-30, 30, width=32)
SHAPES = st.lists(SIZES, max_size=2).map(tuple)


@given(SHAPES.flatmap(lambda shape: reals(shape, FLOATS)))
def test_every_element_is_within_4_ulp_of_the_exact_value(x):
    """TANH-S1: the definition by exponentials at 100 digits; NumPy promises 4 ulp for its vector loops."""
    y = tanh(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    assert not np.shares_memory(x, y)
    with mp.workdps(100):
        for got, at in zip(y.ravel().tolist(), map(mp.mpf, x.ravel().tolist()), strict=True):
            assert abs(mp.mpf(got) - (mp.exp(at) - mp.exp(-at)) / (mp.exp(at) + mp.exp(-at))) <= 4 * math.ulp(got)


@pytest.mark.filterwarnings("error")
def test_special_values():
    """TANH-S1: the limits at the infinities, the sign of zero, and no overflow."""
    y = tanh(np.array([np.inf, -np.inf, np.nan, -0.0, 1e308, 1e-300]))

    assert repr(y.tolist()) == "[1.0, -1.0, nan, -0.0, 1.0, 1e-300]"


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused(dtype):
    """TANH-C1: only float32 and float64 hold real numbers here."""
    with violates(DTypeError, "TANH-C1"):
        tanh(np.ones(3, dtype))
