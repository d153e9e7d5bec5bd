"""``silu`` against 50-digit arithmetic."""

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
from distilspec.reference.ops import silu

FLOATS = st.floats(-800, 800, width=32)
SHAPES = st.lists(SIZES, max_size=2).map(tuple)


@given(SHAPES.flatmap(lambda shape: reals(shape, FLOATS)))
def test_every_element_is_within_8_ulp_of_the_exact_value(x):
    """SILU-S1: 4 ulp for the exponential and one rounding each for sum, quotient and product, at 50 digits."""
    y = silu(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    assert not np.shares_memory(x, y)
    with mp.workdps(50):
        for got, at in zip(y.ravel().tolist(), map(mp.mpf, x.ravel().tolist()), strict=True):
            bound = 8 * math.ulp(got) + (1 + abs(at)) * mp.mpf(2) ** -1022
            assert abs(mp.mpf(got) - at / (1 + mp.exp(-at))) <= bound


@pytest.mark.filterwarnings("error")
def test_special_values():
    """SILU-S1, SILU-S2: -infinity and numbers far below 0 give zero, not NaN; large numbers stay."""
    y = silu(np.array([-np.inf, -1e308, 0.0, 1e308, np.inf, np.nan]))

    assert np.array_equal(y, [0, 0, 0, 1e308, np.inf, np.nan], equal_nan=True)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused(dtype):
    """SILU-C1: only float32 and float64 hold real numbers here."""
    with violates(DTypeError, "SILU-C1"):
        silu(np.ones(3, dtype))
