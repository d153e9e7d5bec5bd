"""``layer_norm`` against 60-digit arithmetic."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates
from strategies import SIZES, reals

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import layer_norm

SMALL = st.floats(-4, 4, width=32)


@st.composite
def operands(draw):
    """Draw rows around a common mean, which may be large, with weight, bias and epsilon."""
    rows, n = draw(SIZES), draw(st.sampled_from([1, 2, 7]))
    mean = draw(st.sampled_from([0.0, 1e3, -1e6, 3e7, 1e30]))
    x = draw(reals((rows, n), SMALL))
    x = (x + np.float64(mean)).astype(x.dtype)
    return x, draw(reals((n,), SMALL)), draw(reals((n,), SMALL)), draw(st.sampled_from([0.0, 1e-12, 1e-5, 1.0]))


@given(operands())
def test_result_is_the_real_value_however_large_the_mean_is(case):
    """
    LN-S1, LN-S2, LN-S3, LN-S4, LN-S5: within a bound that contains neither the mean nor the spread.

    With u = 2**-53, s = x - x[0], M = max|s| and sd = sqrt(variance): M <= sqrt(2 * n) * sd, because two deviations lie
    M apart. Each d is off by at most (n + 3) * u * M. The part of that which all share is orthogonal to d, so sd is off
    by (sqrt(2 * n) + n / 2 + 4) * u relatively. As |z| <= sqrt(n), z is off by less than 4 * (n + 4)**1.5 * u; the last
    addition rounds |z * weight| + |bias|.
    """
    x, weight, bias, epsilon = case

    y = layer_norm(x, weight, bias, epsilon=epsilon)

    n = x.shape[1]
    assert y.shape == x.shape
    assert y.dtype == np.float64
    with mp.workdps(60):
        w, b = [mp.mpf(v) for v in weight.tolist()], [mp.mpf(v) for v in bias.tolist()]
        for got, row in zip(y.tolist(), x.tolist(), strict=True):
            mean = mp.fsum(row) / n
            variance = mp.fsum((mp.mpf(v) - mean) ** 2 for v in row) / n
            if variance + mp.mpf(epsilon) == 0:
                continue
            for i in range(n):
                exact = (row[i] - mean) / mp.sqrt(variance + mp.mpf(epsilon)) * w[i] + b[i]
                bound = (4 * mp.mpf(n + 4) ** 1.5 * abs(w[i]) + 2 * abs(b[i])) / 2**53
                assert abs(mp.mpf(got[i]) - exact) <= bound


@pytest.mark.parametrize("value", [0.1, 1000000.125, -3e38])
@pytest.mark.parametrize("n", [1, 3, 7, 384])
def test_equal_features_give_the_bias(value, n):
    """LN-S1, LN-S2: d is exactly 0, although a rounded mean of equal numbers need not be equal to them."""
    bias = np.linspace(-1, 1, n)

    y = layer_norm(np.full((2, n), value, np.float32), np.full(n, 1e6), bias, epsilon=1e-12)

    assert y.tolist() == [bias.tolist()] * 2


def test_the_variance_is_divided_by_n():
    """LN-S3: two features have deviations of one standard deviation, not of 1 / sqrt(2)."""
    assert layer_norm(np.float32([[3, 5]]), np.ones(2), np.zeros(2), epsilon=0.0).tolist() == [[-1, 1]]


def test_epsilon_stands_under_the_root():
    """LN-S4: variance 9 and epsilon 16 divide by 5, not by 7."""
    assert layer_norm(np.float32([[-3, 3]]), np.ones(2), np.zeros(2), epsilon=16.0).tolist() == [[-3 / 5, 3 / 5]]


def test_weight_and_bias_belong_to_features():
    """LN-S5: they are applied after the division, along the last axis."""
    y = layer_norm(np.float32([[[3, 5]], [[5, 3]]]), np.float32([2, 10]), np.float32([0, 100]), epsilon=0.0)

    assert y.tolist() == [[[-2, 110]], [[2, 90]]]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_not_finite_stays_in_its_row(value, place):
    """LN-S1, LN-S4: the row is NaN and its neighbour is not touched; no warning."""
    x = np.array([[3.0, 5.0], [3.0, 5.0]])
    x[0, place] = value

    y = layer_norm(x, np.ones(2), np.zeros(2), epsilon=0.0)

    assert np.isnan(y[0]).all()
    assert y[1].tolist() == [-1, 1]


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """LN-S5: operands may be read-only views with any strides; the result shares no memory with them."""
    x = np.float64([[3, 0, 5], [5, 0, 3]])[::-1, ::2]
    x.flags.writeable = False

    y = layer_norm(x, np.ones(4)[::2], np.zeros(4)[::2], epsilon=0.0)

    assert y.tolist() == [[1, -1], [-1, 1]]
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize(
    ("x", "weight", "bias", "epsilon", "error", "clause"),
    [
        (np.ones((2, 3), np.int64), np.ones(3), np.ones(3), 1e-12, DTypeError, "LN-C1"),
        (np.ones((2, 3)), np.ones(3, np.int8), np.ones(3), 1e-12, DTypeError, "LN-C1"),
        (np.ones((2, 3)), np.ones(3), np.ones(3, np.float16), 1e-12, DTypeError, "LN-C1"),
        (np.ones(()), np.ones(1), np.ones(1), 1e-12, ShapeError, "LN-C2"),
        (np.ones((2, 0)), np.ones(0), np.ones(0), 1e-12, ShapeError, "LN-C2"),
        (np.ones((2, 3)), np.ones(1), np.ones(3), 1e-12, ShapeError, "LN-C3"),
        (np.ones((2, 3)), np.ones((1, 3)), np.ones(3), 1e-12, ShapeError, "LN-C3"),
        (np.ones((2, 3)), np.ones(3), np.ones((2, 3)), 1e-12, ShapeError, "LN-C3"),
        (np.ones((2, 3)), np.ones(3), np.ones(3), -1e-12, RangeError, "LN-C4"),
        (np.ones((2, 3)), np.ones(3), np.ones(3), np.nan, RangeError, "LN-C4"),
        (np.ones((2, 3)), np.ones(3), np.ones(3), np.inf, RangeError, "LN-C4"),
    ],
)
def test_bad_operands_are_refused(x, weight, bias, epsilon, error, clause):
    """LN-C1, LN-C2, LN-C3, LN-C4."""
    with violates(error, clause):
        layer_norm(x, weight, bias, epsilon=epsilon)
