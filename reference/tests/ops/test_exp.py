"""``exp`` against 50-digit arithmetic."""

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
from distilspec.reference.ops import exp

FLOATS = st.floats(-740, 709, width=32)
SHAPES = st.lists(SIZES, max_size=2).map(tuple)


@given(SHAPES.flatmap(lambda shape: reals(shape, FLOATS)))
def test_every_element_is_within_4_ulp_of_the_exact_value(x):
    """EXP-S1: powers of e at 50 digits; NumPy promises 4 ulp for its vector loops."""
    y = exp(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    assert not np.shares_memory(x, y)
    with mp.workdps(50):
        for got, at in zip(y.ravel().tolist(), map(mp.mpf, x.ravel().tolist()), strict=True):
            assert abs(mp.mpf(got) - mp.e**at) <= 4 * math.ulp(got)


@pytest.mark.filterwarnings("error")
def test_special_values():
    """EXP-S1: the limits at the infinities, and overflow without a warning."""
    y = exp(np.array([np.inf, -np.inf, np.nan, -0.0, 710.0, -746.0]))

    assert repr(y.tolist()) == "[inf, 0.0, nan, 1.0, inf, 0.0]"


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused(dtype):
    """EXP-C1: only float32 and float64 hold real numbers here."""
    with violates(DTypeError, "EXP-C1"):
        exp(np.ones(3, dtype))
