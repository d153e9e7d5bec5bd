"""``silu`` against 50-digit arithmetic."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import silu
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


@settings(max_examples=200, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.lists(st.sampled_from([0, 1, 2, 7]), max_size=2).map(tuple),
        elements=st.floats(-800, 800, width=32),
    )
)
def test_every_element_is_within_8_ulp_of_the_exact_value(x):
    """SILU-S1: 4 ulp for the exponential and one rounding each for sum, quotient and product, at 50 digits."""
    y = silu(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    with mp.workdps(50):
        for got, at in zip(y.ravel().tolist(), map(mp.mpf, x.ravel().tolist()), strict=True):
            bound = 8 * math.ulp(got) + abs(at) * mp.mpf(2) ** -1022
            assert abs(mp.mpf(got) - at / (1 + mp.exp(-at))) <= bound


@pytest.mark.filterwarnings("error")
def test_special_values():
    """SILU-S1, SILU-S2: -infinity and numbers far below 0 give zero, not NaN; large numbers stay."""
    y = silu(np.array([-np.inf, -1e308, 0.0, 1e308, np.inf, np.nan]))

    assert np.array_equal(y, [0, 0, 0, 1e308, np.inf, np.nan], equal_nan=True)


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """
    SILU-S1: the operand may be a read-only view with any strides; the result shares no memory with it.

    Two evaluations within the bound above differ by at most 16 ulp: NumPy may have another loop for each stride.
    """
    x = np.linspace(-1, 1, 12).reshape(3, 4)[::-1, ::2]
    x.flags.writeable = False

    y = silu(x)

    np.testing.assert_array_max_ulp(y, np.array([silu(np.array(row)) for row in x.tolist()]), maxulp=16)
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused_in_one_line_that_names_the_clause(dtype):
    """SILU-C1: only float32 and float64 are real numbers here."""
    with pytest.raises(DTypeError, match=r"x has dtype .* \[SILU-C1\]$") as caught:
        silu(np.ones(3, dtype))

    assert "\n" not in str(caught.value)
