"""``gelu`` against high-precision arithmetic."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates
from strategies import SIZES, reals

from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import gelu

FLOATS = st.floats(-40, 40, width=32)
SHAPES = st.lists(SIZES, max_size=2).map(tuple)


@given(SHAPES.flatmap(lambda shape: reals(shape, FLOATS)))
def test_no_digit_is_lost_far_below_zero(x):
    """
    GELU-S1: the formula as it is written, at 400 digits, where 1 + erf still has 50 left.

    Two roundings in x / sqrt(2) are amplified by at most x**2 + 1, the square inside erfc by x**2 / 2 for x < 0, and
    what remains is a few ulp of erfc, exp and the products.
    """
    y = gelu(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    assert not np.shares_memory(x, y)
    with mp.workdps(400):
        for got, at in zip(y.ravel().tolist(), map(mp.mpf, x.ravel().tolist()), strict=True):
            bound = (16 + 3 * min(at, 0) ** 2) * mp.mpf(2) ** -53
            exact = at * (1 + mp.erf(at / mp.sqrt(2))) / 2
            assert abs(mp.mpf(got) - exact) <= bound * abs(exact) + (1 + abs(at)) * mp.mpf(2) ** -1022


@pytest.mark.filterwarnings("error")
def test_special_values():
    """GELU-S1, GELU-S2: -infinity and numbers far below 0 give zero, not NaN; large numbers stay."""
    y = gelu(np.array([-np.inf, -1e308, 0.0, 1e308, np.inf, np.nan]))

    assert np.array_equal(y, [0, 0, 0, 1e308, np.inf, np.nan], equal_nan=True)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused(dtype):
    """GELU-C1: only float32 and float64 hold real numbers here."""
    with violates(DTypeError, "GELU-C1"):
        gelu(np.ones(3, dtype))
