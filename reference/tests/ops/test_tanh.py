"""``tanh`` against 50-digit arithmetic."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import tanh
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


@settings(max_examples=200, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.lists(st.sampled_from([0, 1, 2, 7]), max_size=2).map(tuple),
        elements=st.floats(-30, 30, width=32),
    )
)
def test_every_element_is_within_4_ulp_of_the_exact_value(x):
    """TANH-S1: the definition by exponentials at 100 digits; NumPy promises 4 ulp for its vector loops."""
    y = tanh(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    with mp.workdps(100):
        for got, at in zip(y.ravel().tolist(), map(mp.mpf, x.ravel().tolist()), strict=True):
            assert abs(mp.mpf(got) - (mp.exp(at) - mp.exp(-at)) / (mp.exp(at) + mp.exp(-at))) <= 4 * math.ulp(got)


@pytest.mark.filterwarnings("error")
def test_special_values():
    """TANH-S1: the limits at the infinities, the sign of zero, and no overflow."""
    y = tanh(np.array([np.inf, -np.inf, np.nan, -0.0, 1e308, 1e-300]))

    assert repr(y.tolist()) == "[1.0, -1.0, nan, -0.0, 1.0, 1e-300]"


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """
    TANH-S1: the operand may be a read-only view with any strides; the result shares no memory with it.

    Two evaluations within the bound above differ by at most 8 ulp: NumPy may have another loop for each stride.
    """
    x = np.linspace(-1, 1, 12).reshape(3, 4)[::-1, ::2]
    x.flags.writeable = False

    y = tanh(x)

    np.testing.assert_array_max_ulp(y, np.array([tanh(np.array(row)) for row in x.tolist()]), maxulp=8)
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused_in_one_line_that_names_the_clause(dtype):
    """TANH-C1: only float32 and float64 are real numbers here."""
    with pytest.raises(DTypeError, match=r"x has dtype .* \[TANH-C1\]$") as caught:
        tanh(np.ones(3, dtype))

    assert "\n" not in str(caught.value)
