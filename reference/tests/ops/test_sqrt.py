"""``sqrt`` against exact squares."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import sqrt
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

SHAPES = st.lists(st.sampled_from([0, 1, 2, 7]), max_size=2).map(tuple)


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.float32, SHAPES, elements=st.floats(0, width=32, allow_infinity=False)))
def test_every_element_is_correctly_rounded(x):
    """SQRT-S1: x lies between the squares of the two numbers half an ulp beside the result."""
    y = sqrt(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    for got, at in zip(y.ravel().tolist(), x.ravel().tolist(), strict=True):
        root, half = Fraction(got), Fraction(math.ulp(got)) / 2
        assert got >= 0
        assert max(root - half, 0) ** 2 <= Fraction(at) <= (root + half) ** 2


@pytest.mark.filterwarnings("error")
def test_special_values():
    """SQRT-S1, SQRT-S2: a negative number gives NaN without a warning; zeros keep their sign."""
    y = sqrt(np.array([np.inf, -np.inf, np.nan, -0.0, 0.0, -1.0, -5e-324]))

    assert repr(y.tolist()) == "[inf, nan, nan, -0.0, 0.0, nan, nan]"


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """SQRT-S1: the operand may be a read-only view with any strides; the result shares no memory with it."""
    x = (np.arange(12.0) ** 2).reshape(3, 4)[::-1, ::2]
    x.flags.writeable = False

    y = sqrt(x)

    assert y.tolist() == [[8, 10], [4, 6], [0, 2]]
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused_in_one_line_that_names_the_clause(dtype):
    """SQRT-C1: only float32 and float64 are real numbers here."""
    with pytest.raises(DTypeError, match=r"x has dtype .* \[SQRT-C1\]$") as caught:
        sqrt(np.ones(3, dtype))

    assert "\n" not in str(caught.value)
