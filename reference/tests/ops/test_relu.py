"""``relu`` against Python comparisons."""

from __future__ import annotations

import numpy as np
import pytest
from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import relu
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

SHAPES = st.lists(st.sampled_from([0, 1, 2, 7]), max_size=2).map(tuple)


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(np.float32, SHAPES, elements=st.floats(width=32, allow_nan=False)))
def test_negative_elements_become_zero_and_the_others_stay(x):
    """RELU-S1: every float32, infinities included."""
    y = relu(x)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    assert y.ravel().tolist() == [value if value > 0 else 0.0 for value in x.ravel().tolist()]


@pytest.mark.filterwarnings("error")
def test_nan_stays():
    """RELU-S2: NaN is not mistaken for a number that is not positive."""
    y = relu(np.array([np.nan, -1.0, -0.0]))

    assert np.array_equal(y, [np.nan, 0, 0], equal_nan=True)


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """RELU-S1: the operand may be a read-only view with any strides; the result shares no memory with it."""
    x = np.arange(-5.0, 7.0).reshape(3, 4)[::-1, ::2]
    x.flags.writeable = False

    y = relu(x)

    assert y.tolist() == [[3, 5], [0, 1], [0, 0]]
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16])
def test_other_dtypes_are_refused_in_one_line_that_names_the_clause(dtype):
    """RELU-C1: only float32 and float64 are real numbers here."""
    with pytest.raises(DTypeError, match=r"x has dtype .* \[RELU-C1\]$") as caught:
        relu(np.ones(3, dtype))

    assert "\n" not in str(caught.value)
