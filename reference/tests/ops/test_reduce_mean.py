"""``reduce_mean`` against exact rational means."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import reduced
from refusal import violates
from strategies import FLOATS, SHAPES, some_axes, tensors

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import reduce_mean


@given(st.data(), tensors(FLOATS, SHAPES.filter(bool)))
def test_result_is_the_real_mean_up_to_float64_rounding(data, x):
    """
    RMEAN-S1, RMEAN-C3: groups without elements are refused; a read-only operand in any layout is left alone.

    gamma(n) with u = 2**-53 and at most n roundings, the division included; below the smallest normal number, half a
    unit of the smallest subnormal one.
    """
    axes = data.draw(some_axes(x.ndim))
    groups = reduced(x, axes)

    if any(x.shape[axis] == 0 for axis in axes):
        with violates(ShapeError, "RMEAN-C3"):
            reduce_mean(x, axes=axes)
        return
    y = reduce_mean(x, axes=axes)

    assert y.dtype == np.float64
    assert not np.shares_memory(y, x)
    assert y.size == len(groups)
    for index, group in groups.items():
        n = len(group)
        exact, size = sum(map(Fraction, group)) / n, sum(abs(Fraction(value)) for value in group) / n
        assert abs(Fraction(float(y[index])) - exact) <= Fraction(n, 2**53 - n) * size + Fraction(1, 2**1075)


def test_an_empty_result_is_no_mean_of_nothing():
    """RMEAN-C3, RMEAN-S1: there are no means at all, so none is undefined."""
    assert reduce_mean(np.zeros((0, 3)), axes=(1,)).shape == (0, 1)


def test_reduced_axes_stay_or_vanish():
    """RMEAN-S2."""
    x = np.zeros((2, 3, 4))

    assert reduce_mean(x, axes=(-1, 0)).shape == (1, 3, 1)
    assert reduce_mean(x, axes=(-1, 0), keepdims=False).shape == (3,)
    assert reduce_mean(x, axes=(0, 1, 2), keepdims=False).shape == ()


@pytest.mark.filterwarnings("error")
def test_special_values():
    """RMEAN-S1: infinities and NaN, without a warning."""
    x = np.float32([[np.inf, -np.inf], [-np.inf, 1], [np.nan, 1], [3e38, 3e38]])

    assert str(reduce_mean(x, axes=(1,), keepdims=False)[:3].tolist()) == "[nan, -inf, nan]"
    assert reduce_mean(x, axes=(1,))[3, 0] == np.float32(3e38)


@pytest.mark.parametrize(
    ("x", "axes", "error", "clause"),
    [
        (np.ones((2, 3), np.int64), (0,), DTypeError, "RMEAN-C1"),
        (np.ones((2, 3)), (), RangeError, "RMEAN-C2"),
        (np.ones((2, 3)), (2,), RangeError, "RMEAN-C2"),
        (np.ones((2, 3)), (0, -2), RangeError, "RMEAN-C2"),
        (np.ones((2, 0)), (1,), ShapeError, "RMEAN-C3"),
    ],
)
def test_bad_operands_are_refused(x, axes, error, clause):
    """RMEAN-C1 to RMEAN-C3."""
    with violates(error, clause):
        reduce_mean(x, axes=axes)
