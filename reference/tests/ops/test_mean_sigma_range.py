"""``mean_sigma_range`` against exact sums and mpmath's square root."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from exact import float32
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import mean_sigma_range, minmax_range

ELEMENTS = st.floats(-1e30, 1e30, width=64) | st.floats(1000, 1001) | st.integers(-5, 5)
TENSORS = hnp.arrays(np.float64, st.integers(1, 40), elements=ELEMENTS)


def root(value):
    """Return the square root of a fraction to 60 digits."""
    with mpmath.workdps(60):
        mantissa, exponent = mpmath.sqrt(mpmath.mpf(value.numerator) / value.denominator).man_exp
        return Fraction(mantissa) * Fraction(2) ** exponent


@given(TENSORS, st.floats(0.125, 8))
def test_ends_are_mean_and_sigma_cut_at_the_observed_values(x, sigmas):
    """OBSS-S1 to OBSS-S4: within a float32 rounding, and a float64 summation error of the largest magnitude."""
    values = [float32(Fraction(value)) for value in x.tolist()]
    mean = sum(values) / len(values)
    sigma = root(sum((value - mean) ** 2 for value in values) / len(values))
    slack = Fraction(sigmas + 1) * Fraction(len(x), 2**50) * max(map(abs, values))
    exact = (
        max(mean - Fraction(sigmas) * sigma, min(values)),
        min(mean + Fraction(sigmas) * sigma, max(values)),
    )

    for got, expected in zip(mean_sigma_range(x, sigmas=sigmas), exact, strict=True):
        assert got.dtype == np.float32
        assert float32(expected - slack) <= Fraction(float(got)) <= float32(expected + slack)


@given(TENSORS)
def test_the_range_never_leaves_the_observed_values(x):
    """OBSS-S3, OBSS-S4: any n values lie within sqrt(n) sigmas of their mean, so a large multiple gives minmax."""
    observed = minmax_range(x)

    assert mean_sigma_range(x, sigmas=1e6 * len(x)) == observed
    assert observed.minimum <= mean_sigma_range(x, sigmas=1).minimum
    assert mean_sigma_range(x, sigmas=1).maximum <= observed.maximum


def test_sigma_is_biased_and_two_pass():
    """OBSS-S2: values far from 0 with variance 1, which E[x**2] - mean**2 in float32 loses, and n - 1 makes sqrt(2)."""
    x = np.float32([2.0**20 - 1, 2.0**20 + 1, 2.0**20 - 1, 2.0**20 + 1])

    assert mean_sigma_range(x, sigmas=0.5) == (2.0**20 - 0.5, 2.0**20 + 0.5)


X = np.zeros(3, np.float32)


@pytest.mark.parametrize(
    ("x", "sigmas", "error", "clause"),
    [
        (np.zeros(3, np.int8), 3, DTypeError, "OBSS-C1"),
        (np.zeros((2, 0), np.float32), 3, ShapeError, "OBSS-C2"),
        (np.float32([0, np.nan]), 3, RangeError, "OBSS-C3"),
        (np.float64([1e39]), 3, RangeError, "OBSS-C3"),
        (X, 0, RangeError, "OBSS-C4"),
        (X, -1.0, RangeError, "OBSS-C4"),
        (X, float("inf"), RangeError, "OBSS-C4"),
        (X, float("nan"), RangeError, "OBSS-C4"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(x, sigmas, error, clause):
    """OBSS-C1 to OBSS-C4."""
    with violates(error, clause):
        mean_sigma_range(x, sigmas=sigmas)
