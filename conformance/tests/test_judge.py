"""The verdict on one tensor: what must pass, what must fail, and what proves nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from distilspec.conformance.judge import judge
from distilspec.conformance.result import State, Unit

FINITE = st.floats(-1e6, 1e6, width=32)


@given(hnp.arrays(np.float64, st.integers(1, 15), elements=FINITE), st.floats(1e-6, 1.0), st.data())
def test_a_float_passes_up_to_its_bound_and_fails_just_outside(expected, bound, data):
    """The bound is inclusive, and one element outside it is enough to fail and is named."""
    index = data.draw(st.integers(0, expected.size - 1))
    error = np.full(expected.shape, bound)
    inside, outside = expected.copy(), expected.copy()
    inside[index] = np.nextafter(expected[index] + bound, expected[index])
    outside[index] = expected[index] + 1.001 * bound + 1e-9

    assert judge(inside, expected, error).state is State.PASS
    failed = judge(outside, expected, error)
    assert failed.state is State.FAIL
    assert f"element [{index}]" in failed.detail
    assert failed.bound_used > 1


def test_an_element_without_bound_must_be_equal():
    """With a bound of 0, the smallest difference fails."""
    expected = np.array([1.0, 2.0])

    assert judge(expected.copy(), expected, np.zeros(2)).unit is Unit.EXACT
    assert judge(np.nextafter(expected, 3), expected, np.zeros(2)).state is State.FAIL


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_non_finite_answer_to_a_finite_question_fails(bad):
    """NaN compares false with everything; it must not slip through a comparison."""
    expected, error = np.array([1.0, 2.0]), np.array([10.0, 10.0])

    assert judge(np.array([1.0, bad]), expected, error).state is State.FAIL


@pytest.mark.parametrize(("expected", "got"), [(np.inf, -np.inf), (np.inf, 1.0), (np.nan, 1.0), (-np.inf, np.nan)])
def test_an_expected_special_value_must_be_the_same_one(expected, got):
    """Infinity of the wrong sign, or a number in place of NaN, fails."""
    error = np.zeros(1)

    assert judge(np.array([expected]), np.array([expected]), error).state is State.PASS
    assert judge(np.array([got]), np.array([expected]), error).state is State.FAIL


def test_an_infinite_bound_leaves_an_element_open():
    """What the specification leaves open may hold anything, and its neighbours may not."""
    expected, error = np.array([1.0, 2.0]), np.array([np.inf, 0.0])

    assert judge(np.array([np.nan, 2.0]), expected, error).state is State.PASS
    assert judge(np.array([np.nan, 3.0]), expected, error).state is State.FAIL


@given(hnp.arrays(np.uint8, st.integers(1, 15)), st.data())
def test_a_code_may_differ_only_where_a_freedom_was_declared(expected, data):
    """Off by one passes where the error is 1 and fails where it is 0; off by two always fails."""
    index = data.draw(st.integers(0, expected.size - 1))
    free = np.zeros(expected.shape)
    free[index] = 1
    step = 1 if expected[index] < 254 else -1
    one, two = expected.copy(), expected.copy()
    one[index] = int(expected[index]) + step
    two[index] = int(expected[index]) + 2 * step

    assert judge(one, expected, free).state in (State.PASS, State.MISTRUSTED)
    assert judge(one, expected, free).unit is Unit.SET
    assert judge(one, expected, np.zeros(expected.shape)).state is State.FAIL
    assert judge(two, expected, free).state is State.FAIL


def test_wrong_shape_and_wrong_dtype_fail():
    """A broadcastable shape or a wider integer is not the same answer."""
    expected = np.zeros((2, 1), np.uint8)

    assert judge(np.zeros((2, 2), np.uint8), expected, np.zeros((2, 1))).state is State.FAIL
    assert judge(expected.astype(np.int8), expected, np.zeros((2, 1))).state is State.FAIL
    assert judge(expected, expected.astype(np.float64), np.ones((2, 1))).state is State.FAIL


def test_values_that_could_not_have_failed_are_mistrusted():
    """Almost all zero, one single code, or a bound above the signal prove nothing."""
    zeros, ones = np.zeros(100), np.ones(100)
    codes = np.full(100, 7, np.uint8)

    assert judge(zeros, zeros, 1e-9 * ones).state is State.MISTRUSTED
    assert judge(ones, ones, 2 * ones).state is State.MISTRUSTED
    assert judge(codes, codes, zeros).state is State.MISTRUSTED
    assert judge(ones, ones, 1e-6 * ones).state is State.PASS


def test_bias_is_the_mean_signed_share_of_the_bound():
    """A runtime that always rounds the same way shows a bias even when every element passes."""
    expected, error = np.linspace(1, 2, 64), np.full(64, 1e-3)

    assert judge(expected + 0.5e-3, expected, error).bias == pytest.approx(0.5, abs=1e-9)
    assert judge(np.zeros(0), np.zeros(0), np.zeros(0)).bias == 0


@pytest.mark.parametrize("shape", [(0,), (0, 3), (1,), (7, 1)])
def test_small_and_empty_tensors_are_judged(shape):
    """Sizes 0 and 1 neither crash nor distrust."""
    expected = np.ones(shape)

    assert judge(expected.astype(np.float32), expected, np.full(shape, 1e-6)).state is State.PASS
