"""``l2_normalize`` against 50-digit arithmetic."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates
from strategies import reals

from distilspec.reference.contract.errors import DTypeError, RangeError
from distilspec.reference.ops import l2_normalize

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def operands(draw):
    """Draw x over the whole range of float32, an axis, and an epsilon below, inside and above that range."""
    shape = tuple(draw(st.lists(st.sampled_from([0, 1, 2, 7]), min_size=1, max_size=3)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    return draw(reals(shape, FLOATS)), axis, draw(st.sampled_from([1e-60, 1e-12, 1e20]))


@pytest.mark.filterwarnings("error")
@given(operands())
def test_result_is_the_real_value_over_the_whole_range_of_float32(case):
    """
    L2N-S1, L2N-S2: along any axis, without overflow or underflow of the squares.

    With u = 2**-53: one product and n - 1 additions count half under the root, and root and quotient round once
    each, which is less than (n / 2 + 4) * u.
    """
    x, axis, epsilon = case

    y = l2_normalize(x, axis=axis, epsilon=epsilon)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    n = x.shape[axis]
    rows = [np.moveaxis(array, axis, -1).reshape(-1, n).tolist() if array.size else [] for array in (x, y)]
    with mp.workdps(50):
        for row, got in zip(*rows, strict=True):
            norm = mp.sqrt(mp.fsum(mp.mpf(v) ** 2 for v in row))
            for value, entry in zip(got, row, strict=True):
                exact = entry / max(norm, mp.mpf(epsilon))
                assert abs(mp.mpf(value) - exact) <= (mp.mpf(n) / 2 + 4) * mp.mpf(2) ** -53 * abs(exact)


def test_the_axis_is_the_one_that_gets_length_one():
    """L2N-S1, L2N-C2: positive and negative axes, and the last one unless it is named."""
    x = np.array([[3.0, 4.0], [4.0, 3.0]])

    assert l2_normalize(x).tolist() == [[3 / 5, 4 / 5], [4 / 5, 3 / 5]]
    assert l2_normalize(x[:, :1], axis=0).tolist() == l2_normalize(x[:, :1], axis=-2).tolist() == [[3 / 5], [4 / 5]]


def test_epsilon_is_the_least_divisor_and_is_not_added():
    """L2N-S2: a norm of 5 is divided by when epsilon is 4, and epsilon when it is 8; a zero vector stays zero."""
    x = np.array([[3.0, 4.0], [0.0, 0.0]])

    assert l2_normalize(x, epsilon=4.0).tolist() == [[3 / 5, 4 / 5], [0, 0]]
    assert l2_normalize(x, epsilon=8.0).tolist() == [[3 / 8, 4 / 8], [0, 0]]
    assert l2_normalize(np.array([1e-12, 0.0])).tolist() == [1, 0]
    assert l2_normalize(np.array([1e-13, 0.0])).tolist() == [1e-13 / 1e-12, 0]


@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_stays_in_its_vector():
    """L2N-S2: a NaN spreads over its vector, an infinity is NaN and makes the others zero; no warning."""
    y = l2_normalize(np.array([[np.nan, 1.0], [-np.inf, 1.0], [3.0, 4.0]]))

    assert np.array_equal(y, [[np.nan, np.nan], [np.nan, 0], [3 / 5, 4 / 5]], equal_nan=True)


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """L2N-S2: the operand may be a read-only view with any strides; the result shares no memory with it."""
    x = np.array([[3.0, 9.0, 4.0], [0.0, 9.0, 0.0]])[::-1, ::-2]
    x.flags.writeable = False

    y = l2_normalize(x)

    assert y.tolist() == [[0, 0], [4 / 5, 3 / 5]]
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize(
    ("x", "axis", "epsilon", "error", "clause"),
    [
        (np.ones((2, 3), np.int64), -1, 1e-12, DTypeError, "L2N-C1"),
        (np.ones((2, 3)), 2, 1e-12, RangeError, "L2N-C2"),
        (np.ones((2, 3)), -3, 1e-12, RangeError, "L2N-C2"),
        (np.ones(()), -1, 1e-12, RangeError, "L2N-C2"),
        (np.ones((2, 3)), -1, 0.0, RangeError, "L2N-C3"),
        (np.ones((2, 3)), -1, -1e-12, RangeError, "L2N-C3"),
        (np.ones((2, 3)), -1, np.nan, RangeError, "L2N-C3"),
        (np.ones((2, 3)), -1, np.inf, RangeError, "L2N-C3"),
    ],
)
def test_bad_operands_are_refused(x, axis, epsilon, error, clause):
    """L2N-C1, L2N-C2, L2N-C3."""
    with violates(error, clause):
        l2_normalize(x, axis=axis, epsilon=epsilon)
