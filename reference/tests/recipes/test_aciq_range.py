"""``aciq_range`` against exact fractions, and against the error that it is to make least."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from refusal import refused
from scipy.special import lambertw

from distilspec.reference import ops
from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.recipes.aciq_range import LAPLACE_8_BITS, aciq_range


@given(st.floats(-8, 8, width=32), st.integers(1, 80), st.lists(st.floats(-1e6, 1e6, width=32), max_size=3))
@example(5.0, 79, [100.0])
@example(5.0, 79, [-100.0])
def test_the_ends_are_the_formulas(near, count, far):
    """In fractions: many values near each other and few far ones, which are cut; equal values are both ends."""
    x = np.array([near] * count + far, np.float32)
    exact = [Fraction(float(value)) for value in x]
    mean = sum(exact) / len(exact)
    alpha = Fraction(LAPLACE_8_BITS) * sum(abs(value - mean) for value in exact) / len(exact)
    # Sums of at most 83 numbers in float64, each of which is at most the largest magnitude; then float32.
    slack = 128 * 2**-53 * LAPLACE_8_BITS * float(abs(x).max())
    for got, end in zip(aciq_range(x), (max(mean - alpha, min(exact)), min(mean + alpha, max(exact))), strict=True):
        assert got.dtype == np.float32
        assert abs(float(got) - float(end)) <= 2**-24 * abs(float(end)) + 2**-149 + slack


def test_the_factor_makes_the_error_least():
    """The derivative of 2 exp(-t) + t**2 / (3 * 4**8) is 0 where t exp(t) = 3 * 4**8; ACIQ prints two digits of t."""
    best = float(lambertw(3 * 4**8).real)
    assert abs(LAPLACE_8_BITS - best) < 0.01

    def error(t):
        return 2 * np.exp(-t) + t**2 / (3 * 4**8)

    assert error(LAPLACE_8_BITS) < min(error(0.8 * best), error(1.2 * best))


def test_a_far_value_is_cut_so_that_the_others_keep_their_codes():
    """A hundred thousand values of Laplace's distribution: the step is 3.6 times smaller, its square 13 times."""
    x = np.random.default_rng(0).laplace(size=100_000).astype(np.float32)
    x[0] = 60.0

    def lost(found):
        scale, zero_point = ops.asymmetric_scale(*(np.asarray(end, np.float64) for end in found))
        return float(np.mean((ops.dequantize(ops.quantize(x, scale, zero_point), scale, zero_point) - x)[1:] ** 2))

    assert lost(aciq_range(x)) < lost(ops.minmax_range(x)) / 10


@pytest.mark.parametrize(
    ("x", "error"),
    [(np.zeros(2, np.int8), DTypeError), (np.zeros(0, np.float32), ShapeError), (np.float32([np.inf]), RangeError)],
)
def test_what_has_no_range_is_refused(x, error):
    """As minmax_range does."""
    with refused(error, "expected"):
        aciq_range(x)
