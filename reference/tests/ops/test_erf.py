"""``erf`` against 50-digit arithmetic."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import erf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


@settings(max_examples=200, deadline=None)
@given(
    hnp.arrays(
        np.float32, st.lists(st.sampled_from([0, 1, 2, 7]), max_size=2).map(tuple), elements=st.floats(-7, 7, width=32)
    )
)
def test_every_element_is_within_4_ulp_of_the_exact_value(x):
    """ERF-S1: the hypergeometric form at 100 digits; the rational fits in scipy.special promise 4 ulp."""
    y = erf(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    with mp.workdps(100):
        for got, at in zip(y.ravel().tolist(), map(mp.mpf, x.ravel().tolist()), strict=True):
            assert abs(mp.mpf(got) - 2 / mp.sqrt(mp.pi) * at * mp.hyp1f1(0.5, 1.5, -(at**2))) <= 4 * math.ulp(got)


@pytest.mark.filterwarnings("error")
def test_special_values():
    """ERF-S1: the limits at the infinities, the sign of zero, and tiny arguments."""
    y = erf(np.array([np.inf, -np.inf, np.nan, -0.0, 1e308, 1e-300]))

    assert repr(y.tolist()) == "[1.0, -1.0, nan, -0.0, 1.0, 1.1283791670955126e-300]"


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """
    ERF-S1: the operand may be a read-only view with any strides; the result shares no memory with it.

    Two evaluations within the bound above differ by at most 8 ulp: NumPy may have another loop for each stride.
    """
    x = np.linspace(-1, 1, 12).reshape(3, 4)[::-1, ::2]
    x.flags.writeable = False

    y = erf(x)

    np.testing.assert_array_max_ulp(y, np.array([erf(np.array(row)) for row in x.tolist()]), maxulp=8)
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused_in_one_line_that_names_the_clause(dtype):
    """ERF-C1: only float32 and float64 are real numbers here."""
    with pytest.raises(DTypeError, match=r"x has dtype .* \[ERF-C1\]$") as caught:
        erf(np.ones(3, dtype))

    assert "\n" not in str(caught.value)
