"""``reciprocal`` against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import reciprocal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

SHAPES = st.lists(st.sampled_from([0, 1, 2, 7]), max_size=2).map(tuple)
NONZERO = st.floats(width=32, allow_infinity=False, allow_nan=False).filter(bool)


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.float32, SHAPES, elements=NONZERO, fill=st.just(np.float32(1))))
def test_every_element_is_correctly_rounded(x):
    """RCP-S1: the result is at most half an ulp from the exact fraction."""
    y = reciprocal(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    for got, at in zip(y.ravel().tolist(), x.ravel().tolist(), strict=True):
        assert abs(Fraction(got) - 1 / Fraction(at)) <= Fraction(math.ulp(got)) / 2


@pytest.mark.filterwarnings("error")
def test_special_values():
    """RCP-S1, RCP-S2: zeros give infinities of their sign without a warning, infinities give zeros of theirs."""
    y = reciprocal(np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324]))

    assert repr(y.tolist()) == "[inf, -inf, 0.0, -0.0, nan, inf]"


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """RCP-S1: the operand may be a read-only view with any strides; the result shares no memory with it."""
    x = (2.0 ** np.arange(12)).reshape(3, 4)[::-1, ::2]
    x.flags.writeable = False

    y = reciprocal(x)

    assert y.tolist() == [[2.0**-8, 2.0**-10], [2.0**-4, 2.0**-6], [1, 2.0**-2]]
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused_in_one_line_that_names_the_clause(dtype):
    """RCP-C1: only float32 and float64 are real numbers here."""
    with pytest.raises(DTypeError, match=r"x has dtype .* \[RCP-C1\]$") as caught:
        reciprocal(np.ones(3, dtype))

    assert "\n" not in str(caught.value)
