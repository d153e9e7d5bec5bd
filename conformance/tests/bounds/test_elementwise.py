"""The bounds of elementwise operators, reductions and comparisons: safe on exact and on uncertain operands."""

from __future__ import annotations

import float32_forms
import numpy as np
import pytest
from float32_arithmetic import leaving, tensors, within
from hypothesis import given
from hypothesis import strategies as st

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded
from distilspec.reference.contract.errors import UnsupportedError

TWO_OPERANDS = ("add", "subtract", "multiply", "divide", "minimum", "maximum")
ONE_OPERAND = ("negate", "absolute", "relu", "reciprocal")


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

    for x, y in zip(realisations(a, seed), realisations(b, seed + 1), strict=True):
        assert not leaving(bounded, getattr(float32_forms, operator), x, y)


@pytest.mark.parametrize("operator", ONE_OPERAND)
@given(x=uncertain(), seed=st.integers(0, 2**32 - 1))
def test_one_operand(operator, x, seed):
    """Every realisation stays inside."""
    bounded = getattr(bounds, operator)(x)

    for moved in realisations(x, seed):
        assert not leaving(bounded, getattr(float32_forms, operator), moved)


@pytest.mark.parametrize("axes", [(1,), (0, 2), (0, 1, 2)])
@given(x=uncertain((3, 5, 4)), seed=st.integers(0, 2**32 - 1))
def test_reductions(axes, x, seed):
    """Sums and means in every order, and the ends of every interval for the largest and the smallest."""
    for moved in realisations(x, seed):
        for name in ("sum", "mean", "max", "min"):
            operator = f"reduce_{name}"
            bounded = getattr(bounds, operator)(x, axes=axes, keepdims=False)
            assert not leaving(bounded, getattr(float32_forms, operator), moved, axes=axes, keepdims=False)


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
    numpy_type = {"float": np.float32, "float32": np.float32, "bool": np.bool_, "int64": np.int64}[dtype]
    cast = float32_forms.exact(lambda x: x.astype(numpy_type))

    for moved in realisations(x, seed):
        assert not leaving(bounds.cast(x, dtype=dtype), cast, moved)


@given(st.integers(-(2**40), 2**40), st.integers(0, 2**20), st.integers(-(2**20), 2**20))
def test_an_uncertain_integer_becomes_a_float_by_two_roundings_of_which_one_is_the_reference(x, error, step):
    """CAST-S3: an exact integer has one float32; one that may move has those of all its realisations."""
    exact, moved = bounds.cast(np.int64([x]), dtype="float32"), Bounded(np.int64([x]), np.array([float(error)]))
    realised = np.int64([x + np.clip(step, -error, error)])

    assert exact.error == 0
    assert bounds.cast(moved, dtype="float32").contains(realised.astype(np.float32)).all()


def test_bugs_leave_the_bound():
    """A float16 result, a sum that is two units in the last place off, and a mean by n - 1."""
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, 256)).astype(np.float32)

    two_up = np.nextafter(np.nextafter(a + b, np.float32(9)), np.float32(9))
    assert not bounds.add(a, b).contains(two_up).any()
    assert not bounds.multiply(a, b).contains((a * b).astype(np.float16)).any()
    assert not bounds.divide(a, b).contains((a / b) * np.float32(1 + 2.0**-20)).any()
    assert not bounds.reduce_mean(a**2, axes=(0,)).contains((a**2).sum() / np.float32(255)).any()
