"""The bounds of elementwise operators, reductions and comparisons: safe on exact and on uncertain operands."""

from __future__ import annotations

import numpy as np
import pytest
from float32_arithmetic import SUMS, flushed, tensors, within
from hypothesis import given
from hypothesis import strategies as st

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded
from distilspec.reference.contract.errors import UnsupportedError

ONE = np.float32(1)
TWO_OPERANDS = {
    "add": [np.add],
    "subtract": [np.subtract],
    "multiply": [np.multiply],
    "divide": [np.divide, lambda a, b: a * (ONE / b)],
    "minimum": [np.minimum],
    "maximum": [np.maximum],
}
ONE_OPERAND = {
    "negate": [np.negative],
    "absolute": [np.abs],
    "relu": [lambda x: np.maximum(x, np.float32(0))],
    "reciprocal": [lambda x: ONE / x],
}


@st.composite
def uncertain(draw, shape=(12,)):
    """Draw a float32 tensor and errors: none, a share of each element, or as large as the tensor."""
    x = draw(tensors(*shape, exponents=(-60, 60)))
    errors = draw(st.sampled_from([0.0, 2.0**-26, 2.0**-10, 0.5, 2.0]))
    return Bounded(x, errors * np.abs(x).astype(np.float64))


def realisations(bounded, seed):
    """Yield float32 tensors inside the errors: as it is, both ends, and random ones."""
    random = np.random.default_rng(seed)
    for signs in (0.0, -1.0, 1.0, random.uniform(-1, 1, bounded.shape), random.choice([-1.0, 1.0], bounded.shape)):
        yield within(bounded, signs * np.ones(bounded.shape))


@pytest.mark.parametrize("operator", TWO_OPERANDS)
@given(a=uncertain(), b=uncertain(), seed=st.integers(0, 2**32 - 1))
def test_two_operands(operator, a, b, seed):
    """Every combination stays inside, and so does a machine that flushes subnormal operands and results to zero."""
    bounded = getattr(bounds, operator)(a, b)

    with np.errstate(all="ignore"):
        for x, y in zip(realisations(a, seed), realisations(b, seed + 1), strict=True):
            for form in TWO_OPERANDS[operator]:
                assert bounded.contains(form(x, y)).all()
            assert bounded.contains(flushed(TWO_OPERANDS[operator][0](flushed(x), flushed(y)))).all()


@pytest.mark.parametrize("operator", ONE_OPERAND)
@given(x=uncertain(), seed=st.integers(0, 2**32 - 1))
def test_one_operand(operator, x, seed):
    """Every realisation stays inside."""
    bounded = getattr(bounds, operator)(x)

    with np.errstate(all="ignore"):
        for moved in realisations(x, seed):
            assert bounded.contains(ONE_OPERAND[operator][0](moved)).all()


@pytest.mark.parametrize("axes", [(1,), (0, 2), (0, 1, 2)])
@given(x=uncertain((3, 5, 4)), seed=st.integers(0, 2**32 - 1))
def test_reductions(axes, x, seed):
    """Sums and means in every order, and the ends of every interval for the largest and the smallest."""
    count = np.float32(np.prod([x.shape[axis] for axis in axes]))
    total, mean, most, least = (
        getattr(bounds, f"reduce_{name}")(x, axes=axes, keepdims=False) for name in ("sum", "mean", "max", "min")
    )

    for moved in realisations(x, seed):
        rows = np.moveaxis(moved, axes, range(-len(axes), 0)).reshape(*(np.shape(total.value)), -1)
        assert most.contains(moved.max(axis=axes)).all()
        assert least.contains(moved.min(axis=axes)).all()
        for name, add in SUMS.items():
            assert total.contains(add(rows)).all(), name
            assert mean.contains(add(rows) / count).all(), name
            assert mean.contains(add(rows) * (ONE / count)).all(), name


@pytest.mark.parametrize("operator", ["equal", "greater", "less"])
@given(a=uncertain(), b=uncertain(), seed=st.integers(0, 2**32 - 1))
def test_comparisons(operator, a, b, seed):
    """A decided comparison has the same answer for every realisation."""
    bounded = getattr(bounds, operator)(a, b)

    for x, y in zip(realisations(a, seed), realisations(b, seed + 1), strict=True):
        assert bounded.contains(getattr(np, operator)(x, y)).all()


def test_an_undecided_condition_chooses_the_hull_and_is_no_mask():
    """``where`` covers both choices; a mask or an index must be decided."""
    condition = bounds.greater(Bounded(np.float32([1, 1]), np.array([0.5, 0.1])), np.float32([1.2, 1.2]))
    chosen = bounds.where(condition, np.float32([3, 3]), np.float32([10, 10]))
    both = bounds.logical_and(condition, np.array([True, False]))
    either = bounds.logical_or(condition, np.array([True, False]))

    assert condition.error.tolist() == [1, 0]
    assert chosen.contains(np.float32([3, 10])).all()
    assert chosen.error.tolist() == [7, 0]
    assert both.error.tolist() == [1, 0]
    assert either.error.tolist() == [0, 0]
    assert bounds.logical_not(condition).error.tolist() == [1, 0]
    with pytest.raises(UnsupportedError, match="mask"):
        bounds.softmax(np.float32([1, 2]), condition)


def test_small_integers_in_float32_have_no_error():
    """Their sums and products are representable, so nothing is rounded: a mask computed in floats stays exact."""
    a, b = np.float32([0, 1, 3, 2.0**24]), np.float32([1, 1, 5, 2])

    for operator in ("add", "subtract", "multiply"):
        error = getattr(bounds, operator)(a, b).error
        assert error.tolist() == [0, 0, 0, 0], operator
    assert bounds.add(np.float32([2.0**24]), np.float32([1])).error.tolist() == [1 * (1 + 2.0**-20)]


def test_integers_are_exact():
    """int64 arithmetic does not round, and an int64 beyond 2**24 does when it becomes a float."""
    a, b = np.int64([2**53, 5]), np.int64([1, 7])

    assert bounds.add(a, b).value.tolist() == [2**53 + 1, 12]
    assert not bounds.add(a, b).error.any()
    assert bounds.cast(np.int64([2**24 + 1, 3]), dtype="float").error.tolist() == [1 + 2.0**-20, 0]


def test_special_values_follow_ieee_754():
    """An infinite operand gives a demanded result; a result beyond float32 leaves the element open."""
    with np.errstate(all="ignore"):
        total = bounds.add(np.float32([np.inf, np.inf, np.nan, 3e38]), np.float32([1, -np.inf, 1, 3e38]))
    quotient = bounds.divide(np.float32([1, 0, -1]), np.float32([0, 0, 0]))

    assert total.error.tolist() == [0, 0, 0, np.inf]
    assert quotient.contains(np.float32([np.inf, np.nan, -np.inf])).all()
    assert quotient.error.tolist() == [0, 0, 0]


@given(x=uncertain(), seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(["float", "float32", "bool", "int64"]))
def test_casts(x, seed, dtype):
    """Every realisation stays inside, after truncation too."""
    x = Bounded(np.clip(x.value, -(2.0**40), 2.0**40), x.error)
    bounded = bounds.cast(x, dtype=dtype)
    numpy_type = {"float": np.float32, "float32": np.float32, "bool": np.bool_, "int64": np.int64}[dtype]

    for moved in realisations(x, seed):
        assert bounded.contains(moved.astype(numpy_type)).all()


def test_bugs_leave_the_bound():
    """A float16 result, a sum that is two units in the last place off, and a mean by n - 1."""
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, 256)).astype(np.float32)

    two_up = np.nextafter(np.nextafter(a + b, np.float32(9)), np.float32(9))
    assert not bounds.add(a, b).contains(two_up).any()
    assert not bounds.multiply(a, b).contains((a * b).astype(np.float16)).any()
    assert not bounds.divide(a, b).contains((a / b) * np.float32(1 + 2.0**-20)).any()
    assert not bounds.reduce_mean(a**2, axes=(0,)).contains((a**2).sum() / np.float32(255)).any()
