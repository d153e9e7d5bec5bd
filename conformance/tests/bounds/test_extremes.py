"""Finite operands from one end of float32 to the other: subnormal numbers, the largest ones, and what is between."""

from __future__ import annotations

import float32_forms
import numpy as np
import pytest
from float32_arithmetic import leaving, within
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import PROBLEMS

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded

SMALLEST, LARGEST = 2.0**-126, float(np.finfo(np.float32).max)
ENDS = [0.0, 2.0**-149, 1e-40, SMALLEST, 3 * SMALLEST, 1e-30, 1e-19, 1e-6, 1.0, 90.0, 1e6, 1e19, 1e30, 1e38, LARGEST]


def leave(operator, seed, few, share):
    """Return the forms that leave the bound on operands of ``few`` magnitudes, off by a ``share`` of themselves."""
    shapes, others, attributes = PROBLEMS[operator]
    random = np.random.default_rng(seed)
    uncertain = []
    for shape in shapes:
        x = random.choice(random.choice(ENDS, few), shape) * random.choice([-1, 1], shape)
        uncertain.append(Bounded(x.astype(np.float32), share * np.abs(x)))
    realised = [within(operand, random.choice([-1.0, 1.0], operand.shape)) for operand in uncertain]

    bounded = getattr(bounds, operator)(*uncertain, *others, **attributes)
    return leaving(bounded, getattr(float32_forms, operator), *realised, *others, **attributes)


SHARES = st.sampled_from([0.0, 0.0, 2.0**-20, 2.0**-3])


@pytest.mark.parametrize("operator", PROBLEMS)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), few=st.integers(1, 4), share=SHARES)
def test_no_form_leaves_the_bound_at_the_ends_of_float32(operator, seed, few, share):
    """A few magnitudes in each tensor, with both signs; what may overflow on some way is left open."""
    assert not leave(operator, seed, few, share)


@pytest.mark.slow
@pytest.mark.parametrize("operator", PROBLEMS)
@settings(max_examples=1000)
@given(seed=st.integers(0, 2**32 - 1), few=st.integers(1, 4), share=SHARES)
def test_a_long_search_finds_no_form_outside_at_the_ends_of_float32(operator, seed, few, share):
    """The same, for longer."""
    assert not leave(operator, seed, few, share)


def test_a_mean_of_large_values_is_left_open_where_its_numerator_overflows():
    """SDPA-S3: four values of 10^38 have a mean; a runtime that divides at the end has an infinity."""
    query, key = np.zeros((1, 2), np.float32), np.zeros((4, 2), np.float32)
    large = bounds.scaled_dot_product_attention(query, key, np.full((4, 1), 1e38, np.float32), scale=1.0)
    usual = bounds.scaled_dot_product_attention(query, key, np.full((4, 1), 1e37, np.float32), scale=1.0)

    assert np.isinf(large.error).all()
    assert (usual.error < 1e-5 * usual.value).all()


def test_a_clamped_exponential_is_as_good_as_one_that_underflows():
    """Vectorised exponentials clamp their argument and return the smallest normal number below it."""
    x = np.float32([-88, -1000, -np.inf])

    assert bounds.exp(x).contains(np.float32([SMALLEST, SMALLEST, 0])).all()
    assert not bounds.exp(x).contains(np.float32([1e-37, 1e-37, SMALLEST])).any()


@pytest.mark.parametrize("x", [-5.5, -10.0, -14.0, -100.0])
def test_far_below_zero_gelu_is_judged_by_its_argument(x):
    """Zero, the real value and a positive speck are legitimate; an error of a millionth of the argument is not."""
    bounded = bounds.gelu(np.float32([x]))
    speck = 2.0**-23 * abs(x)

    assert bounded.contains(bounded.value.astype(np.float32)).all()
    assert bounded.contains(np.float32([speck])).all()
    assert not bounded.contains(np.float32([1e-6 * x])).any()


@pytest.mark.parametrize("spread", [1e2, 1e10, 1e30, 3e38])
def test_a_large_spread_of_scores_costs_nothing(spread):
    """A row that one entry dominates has a share of 1 to within a few roundings, and of 0 elsewhere."""
    bounded = bounds.softmax(np.float32([[spread, -spread, 0]]))

    assert bounded.contains(np.float32([[1, 0, 0]])).all()
    assert bounded.error[0, 0] < 60 * 2.0**-24
    assert (bounded.error[0, 1:] < 1e-36).all()


@pytest.mark.parametrize("mean", [1e5, 1e6, 1e7])
def test_a_layer_norm_far_from_zero_is_bounded_by_two_passes(mean):
    """The bound is finite at any mean, and below 1 + |z| of two passes."""
    x = (mean + np.random.default_rng(0).standard_normal((4, 64))).astype(np.float32)
    ones, zeros = np.ones(64, np.float32), np.zeros(64, np.float32)
    bounded = bounds.layer_norm(x, ones, zeros, epsilon=1e-12)

    assert (bounded.error < 1.2 * (1 + np.abs(bounded.value)) + 3 * 2.0**-24 * mean).all()
    moved = bounds.layer_norm(Bounded(x, np.full(x.shape, 1e-3)), ones, zeros, epsilon=1e-12)
    assert np.isfinite(moved.error).all()
