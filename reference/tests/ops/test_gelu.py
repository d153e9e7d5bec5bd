"""``gelu`` against high-precision arithmetic."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import gelu
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


@settings(max_examples=200, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.lists(st.sampled_from([0, 1, 2, 7]), max_size=2).map(tuple),
        elements=st.floats(-40, 40, width=32),
    )
)
def test_no_digit_is_lost_far_below_zero(x):
    """
    GELU-S1: the formula as it is written, at 400 digits, where 1 + erf still has 50 left.

    Two roundings in x / sqrt(2) are amplified by at most x**2 + 1, the square inside erfc by x**2 / 2 for x < 0, and
    what remains is a few ulp of erfc, exp and the products.
    """
    y = gelu(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    with mp.workdps(400):
        for got, at in zip(y.ravel().tolist(), map(mp.mpf, x.ravel().tolist()), strict=True):
            bound = (16 + 3 * min(at, 0) ** 2) * mp.mpf(2) ** -53
            exact = at * (1 + mp.erf(at / mp.sqrt(2))) / 2
            assert abs(mp.mpf(got) - exact) <= bound * abs(exact) + abs(at) * mp.mpf(2) ** -1022


@pytest.mark.filterwarnings("error")
def test_special_values():
    """GELU-S1, GELU-S2: -infinity and numbers far below 0 give zero, not NaN; large numbers stay."""
    y = gelu(np.array([-np.inf, -1e308, 0.0, 1e308, np.inf, np.nan]))

    assert np.array_equal(y, [0, 0, 0, 1e308, np.inf, np.nan], equal_nan=True)


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """
    GELU-S1: the operand may be a read-only view with any strides; the result shares no memory with it.

    Two evaluations within the bound above differ by at most 64 ulp: NumPy may have another loop for each stride.
    """
    x = np.linspace(-1, 1, 12).reshape(3, 4)[::-1, ::2]
    x.flags.writeable = False

    y = gelu(x)

    np.testing.assert_array_max_ulp(y, np.array([gelu(np.array(row)) for row in x.tolist()]), maxulp=64)
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused_in_one_line_that_names_the_clause(dtype):
    """GELU-C1: only float32 and float64 are real numbers here."""
    with pytest.raises(DTypeError, match=r"x has dtype .* \[GELU-C1\]$") as caught:
        gelu(np.ones(3, dtype))

    assert "\n" not in str(caught.value)
