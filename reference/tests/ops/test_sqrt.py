"""``sqrt`` against exact squares."""

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
from distilspec.reference.ops import sqrt

FLOATS = st.floats(0, 2.0**120, width=32)
SHAPES = st.lists(SIZES, max_size=2).map(tuple)


@given(SHAPES.flatmap(lambda shape: reals(shape, FLOATS)))
def test_every_element_is_correctly_rounded(x):
    """SQRT-S1: x lies between the squares of the two numbers half an ulp beside the result."""
    y = sqrt(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    assert not np.shares_memory(x, y)
    for got, at in zip(y.ravel().tolist(), x.ravel().tolist(), strict=True):
        root, half = Fraction(got), Fraction(math.ulp(got)) / 2
        assert got >= 0
        assert max(root - half, 0) ** 2 <= Fraction(at) <= (root + half) ** 2


@pytest.mark.filterwarnings("error")
def test_special_values():
    """SQRT-S1, SQRT-S2: a negative number gives NaN without a warning; zeros keep their sign."""
    y = sqrt(np.array([np.inf, -np.inf, np.nan, -0.0, 0.0, -1.0, -5e-324]))

    assert repr(y.tolist()) == "[inf, nan, nan, -0.0, 0.0, nan, nan]"


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused(dtype):
    """SQRT-C1: only float32 and float64 hold real numbers here."""
    with violates(DTypeError, "SQRT-C1"):
        sqrt(np.ones(3, dtype))
