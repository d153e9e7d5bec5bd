"""``gelu_tanh`` against high-precision arithmetic."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import gelu_tanh
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


@settings(max_examples=200, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.lists(st.sampled_from([0, 1, 2, 7]), max_size=2).map(tuple),
        elements=st.floats(-22, 40, width=32),
    )
)
def test_no_digit_is_lost_far_below_zero(x):
    """
    GELUT-S1, GELUT-S2: the formula as it is written, at 800 digits, where 1 + tanh still has 50 left.

    The eight roundings in u are amplified by at most 2 * |u| for u < 0 and by 0.3 above; what remains is 4 ulp of the
    exponential and one rounding each for sum, quotient and product.
    """
    y = gelu_tanh(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    with mp.workdps(800):
        for got, at in zip(y.ravel().tolist(), map(mp.mpf, x.ravel().tolist()), strict=True):
            u = mp.sqrt(2 / mp.pi) * (at + mp.mpf("0.044715") * at**3)
            bound = (16 + 16 * abs(min(u, 0))) * mp.mpf(2) ** -53
            exact = at * (1 + mp.tanh(u)) / 2
            assert abs(mp.mpf(got) - exact) <= bound * abs(exact) + abs(at) * mp.mpf(2) ** -1022


@pytest.mark.filterwarnings("error")
def test_special_values():
    """GELUT-S2, GELUT-S3: -infinity and numbers far below 0 give zero, not NaN; large numbers stay."""
    y = gelu_tanh(np.array([-np.inf, -1e308, 0.0, 1e308, np.inf, np.nan]))

    assert np.array_equal(y, [0, 0, 0, 1e308, np.inf, np.nan], equal_nan=True)


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """
    GELUT-S1: the operand may be a read-only view with any strides; the result shares no memory with it.

    Two evaluations within the bound above differ by at most 64 ulp: NumPy may have another loop for each stride.
    """
    x = np.linspace(-1, 1, 12).reshape(3, 4)[::-1, ::2]
    x.flags.writeable = False

    y = gelu_tanh(x)

    np.testing.assert_array_max_ulp(y, np.array([gelu_tanh(np.array(row)) for row in x.tolist()]), maxulp=64)
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused_in_one_line_that_names_the_clause(dtype):
    """GELUT-C1: only float32 and float64 are real numbers here."""
    with pytest.raises(DTypeError, match=r"x has dtype .* \[GELUT-C1\]$") as caught:
        gelu_tanh(np.ones(3, dtype))

    assert "\n" not in str(caught.value)
