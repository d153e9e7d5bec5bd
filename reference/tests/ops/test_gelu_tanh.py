"""``gelu_tanh`` against high-precision arithmetic."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates
from strategies import SIZES, reals

from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import gelu_tanh

FLOATS = st.floats(-22, 40, width=32)
SHAPES = st.lists(SIZES, max_size=2).map(tuple)


@given(SHAPES.flatmap(lambda shape: reals(shape, FLOATS)))
def test_no_digit_is_lost_far_below_zero(x):
    """
    GELUT-S1, GELUT-S2: the formula as it is written, at 800 digits, where 1 + tanh still has 50 left.

    The eight roundings in u are amplified by at most 2 * |u| for u < 0 and by 0.3 above; what remains is 4 ulp of the
    exponential and one rounding each for sum, quotient and product.
    """
    y = gelu_tanh(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    assert not np.shares_memory(x, y)
    with mp.workdps(800):
        for got, at in zip(y.ravel().tolist(), map(mp.mpf, x.ravel().tolist()), strict=True):
            u = mp.sqrt(2 / mp.pi) * (at + mp.mpf("0.044715") * at**3)
            bound = (16 + 16 * abs(min(u, 0))) * mp.mpf(2) ** -53
            exact = at * (1 + mp.tanh(u)) / 2
            assert abs(mp.mpf(got) - exact) <= bound * abs(exact) + (1 + abs(at)) * mp.mpf(2) ** -1022


@pytest.mark.filterwarnings("error")
def test_special_values():
    """GELUT-S2, GELUT-S3: -infinity and numbers far below 0 give zero, not NaN; large numbers stay."""
    y = gelu_tanh(np.array([-np.inf, -1e308, 0.0, 1e308, np.inf, np.nan]))

    assert np.array_equal(y, [0, 0, 0, 1e308, np.inf, np.nan], equal_nan=True)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused(dtype):
    """GELUT-C1: only float32 and float64 hold real numbers here."""
    with violates(DTypeError, "GELUT-C1"):
        gelu_tanh(np.ones(3, dtype))
