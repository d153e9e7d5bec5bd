"""``erf`` against 50-digit arithmetic."""

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
from distilspec.reference.ops import erf

FLOATS = st.floats(-7, 7, width=32)
SHAPES = st.lists(SIZES, max_size=2).map(tuple)


@given(SHAPES.flatmap(lambda shape: reals(shape, FLOATS)))
def test_every_element_is_within_4_ulp_of_the_exact_value(x):
    """ERF-S1: the hypergeometric form at 100 digits; the rational fits in scipy.special promise 4 ulp."""
    y = erf(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    assert not np.shares_memory(x, y)
    with mp.workdps(100):
        for got, at in zip(y.ravel().tolist(), map(mp.mpf, x.ravel().tolist()), strict=True):
            assert abs(mp.mpf(got) - 2 / mp.sqrt(mp.pi) * at * mp.hyp1f1(0.5, 1.5, -(at**2))) <= 4 * math.ulp(got)


@pytest.mark.filterwarnings("error")
def test_special_values():
    """ERF-S1: the limits at the infinities, the sign of zero, and tiny arguments."""
    y = erf(np.array([np.inf, -np.inf, np.nan, -0.0, 1e308, 1e-300]))

    assert repr(y.tolist()) == "[1.0, -1.0, nan, -0.0, 1.0, 1.1283791670955126e-300]"


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused(dtype):
    """ERF-C1: only float32 and float64 hold real numbers here."""
    with violates(DTypeError, "ERF-C1"):
        erf(np.ones(3, dtype))
