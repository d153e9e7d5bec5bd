"""``power`` against mpmath, and exact rational powers for whole exponents."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import at, broadcast, indices
from refusal import violates
from strategies import FLOATS, broadcastable_shapes, pairs

from distilspec.reference.contract.errors import DTypeError, ShapeError
from distilspec.reference.ops import power

POSITIVE = st.floats(2.0**-20, 2.0**20, width=32)
WHOLE = st.integers(-8, 8).map(float)


@given(pairs(FLOATS, POSITIVE.map(lambda x: min(x, 40.0))))
def test_positive_bases_stay_within_four_ulp_of_the_real_power(case):
    """POW-S1: shapes broadcast, and read-only operands in any layout are left alone."""
    a, b = case

    y = power(a, b)

    assert y.dtype == np.float64
    assert y.shape == broadcast(a.shape, b.shape)
    with mpmath.workdps(50):
        for index in indices(y.shape):
            exact = mpmath.power(at(a, index), at(b, index))
            assert abs(y[index] - exact) <= 4 * mpmath.mpf(2) ** -52 * exact


@given(st.lists(POSITIVE | POSITIVE.map(lambda x: -x), max_size=7), WHOLE)
def test_whole_exponents_keep_the_sign_of_a_negative_base(bases, exponent):
    """POW-S1: (-2) ** 3 is -8."""
    y = power(np.float32(bases), np.array(exponent))

    for got, base in zip(y.tolist(), bases, strict=True):
        exact = Fraction(base) ** int(exponent)
        assert abs(Fraction(got) - exact) <= 4 * Fraction(1, 2**52) * abs(exact)


def test_an_exponent_of_0_or_a_base_of_1_gives_1():
    """POW-S2: NaN and infinities included."""
    values = np.array([np.nan, np.inf, -np.inf, 0.0, -2.5])

    assert power(values, np.array(0.0)).tolist() == [1] * 5
    assert power(values, np.array(-0.0)).tolist() == [1] * 5
    assert power(np.array(1.0), values).tolist() == [1] * 5


@pytest.mark.filterwarnings("error")
def test_a_negative_base_has_no_fractional_power():
    """POW-S3: without a warning."""
    assert str(power(np.array([-8.0, -1e-300, -0.5]), np.array([1 / 3, 0.5, -1.5])).tolist()) == "[nan, nan, nan]"


@pytest.mark.filterwarnings("error")
def test_a_negative_power_of_zero_is_infinite():
    """POW-S4: without a warning."""
    y = power(np.array([[0.0], [-0.0]]), np.array([-1.0, -2.0, -0.5]))

    assert y.tolist() == [[np.inf, np.inf, np.inf], [-np.inf, np.inf, np.inf]]


@given(broadcastable_shapes(2))
def test_squares_have_the_broadcast_shape(shapes):
    """POW-S1: a scalar exponent 2, as exports of LayerNorm write it, included."""
    left, right = shapes

    assert power(np.full(left, -3.0), np.full(right, 2.0)).tolist() == np.full(broadcast(left, right), 9.0).tolist()


@pytest.mark.parametrize(
    ("a", "b", "error", "clause"),
    [
        (np.ones(2, np.int64), np.ones(2, np.int64), DTypeError, "POW-C1"),
        (np.ones(2), np.ones(2, np.int64), DTypeError, "POW-C1"),
        (np.ones((2, 3)), np.ones(2), ShapeError, "POW-C2"),
    ],
)
def test_bad_operands_are_refused(a, b, error, clause):
    """POW-C1, POW-C2."""
    with violates(error, clause):
        power(a, b)
