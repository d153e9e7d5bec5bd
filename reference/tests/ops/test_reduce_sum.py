"""``reduce_sum`` against exact rational and integer sums."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import reduced
from refusal import violates
from strategies import FLOATS, SHAPES, some_axes, tensors

from distilspec.reference.contract.errors import DTypeError, RangeError
from distilspec.reference.ops import reduce_sum

WITH_AXES = SHAPES.filter(bool)


@given(st.data(), tensors(FLOATS, WITH_AXES))
def test_floats_sum_as_real_numbers_up_to_float64_rounding(data, x):
    """
    RSUM-S1: over no elements the sum is 0; a read-only operand in any layout is left alone.

    gamma(n) with u = 2**-53 and at most n - 1 roundings in any order (Higham, section 4.2).
    """
    axes = data.draw(some_axes(x.ndim))

    y = reduce_sum(x, axes=axes)

    assert y.dtype == np.float64
    assert not np.shares_memory(y, x)
    groups = reduced(x, axes)
    assert y.size == len(groups)
    for index, group in groups.items():
        exact, size = sum(map(Fraction, group)), sum(abs(Fraction(value)) for value in group)
        gamma = Fraction(len(group), 2**53 - len(group))
        assert abs(Fraction(float(y[index])) - exact) <= gamma * size


@given(st.data(), tensors(st.just("int64"), WITH_AXES))
def test_int64_is_exact(data, x):
    """RSUM-S2: the result is int64."""
    axes = data.draw(some_axes(x.ndim))

    y = reduce_sum(x, axes=axes)

    assert y.dtype == np.int64
    for index, group in reduced(x, axes).items():
        assert y[index] == sum(group)


def test_int64_does_not_pass_through_a_float():
    """RSUM-S2."""
    assert reduce_sum(np.int64([2**62, 2**62 - 1, 0]), axes=(0,)).tolist() == [2**63 - 1]


def test_reduced_axes_stay_or_vanish():
    """RSUM-S3."""
    x = np.zeros((2, 3, 4))

    assert reduce_sum(x, axes=(-1, 0)).shape == (1, 3, 1)
    assert reduce_sum(x, axes=(-1, 0), keepdims=False).shape == (3,)
    assert reduce_sum(x, axes=(0, 1, 2), keepdims=False).shape == ()


@pytest.mark.filterwarnings("error")
def test_special_values():
    """RSUM-S1: infinities, NaN and overflow, without a warning."""
    x = np.array([[np.inf, -np.inf, 0], [np.inf, 1, 1], [np.nan, 1, 1], [1e308, 1e308, 0]])

    assert str(reduce_sum(x, axes=(1,), keepdims=False).tolist()) == "[nan, inf, nan, inf]"


@pytest.mark.parametrize(
    ("x", "axes", "error", "clause"),
    [
        (np.ones((2, 3), np.int32), (0,), DTypeError, "RSUM-C1"),
        (np.ones((2, 3), np.bool_), (0,), DTypeError, "RSUM-C1"),
        (np.ones((2, 3)), (), RangeError, "RSUM-C2"),
        (np.ones((2, 3)), (-3,), RangeError, "RSUM-C2"),
        (np.ones((2, 3)), (1, 1), RangeError, "RSUM-C2"),
    ],
)
def test_bad_operands_are_refused(x, axes, error, clause):
    """RSUM-C1, RSUM-C2."""
    with violates(error, clause):
        reduce_sum(x, axes=axes)
