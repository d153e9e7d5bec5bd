"""``reciprocal`` against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates
from strategies import SIZES, reals

from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import reciprocal

FLOATS = st.floats(2.0**-149, 2.0**120, width=32) | st.floats(-(2.0**120), -(2.0**-149), width=32)
SHAPES = st.lists(SIZES, max_size=2).map(tuple)


@given(SHAPES.flatmap(lambda shape: reals(shape, FLOATS)))
def test_every_element_is_correctly_rounded(x):
    """RCP-S1: the result is at most half an ulp from the exact fraction."""
    y = reciprocal(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    assert not np.shares_memory(x, y)
    for got, at in zip(y.ravel().tolist(), x.ravel().tolist(), strict=True):
        assert abs(Fraction(got) - 1 / Fraction(at)) <= Fraction(math.ulp(got)) / 2


@pytest.mark.filterwarnings("error")
def test_special_values():
    """RCP-S1, RCP-S2: zeros give infinities of their sign without a warning, infinities give zeros of theirs."""
    y = reciprocal(np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324]))

    assert repr(y.tolist()) == "[inf, -inf, 0.0, -0.0, nan, inf]"


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused(dtype):
    """RCP-C1: only float32 and float64 hold real numbers here."""
    with violates(DTypeError, "RCP-C1"):
        reciprocal(np.ones(3, dtype))
