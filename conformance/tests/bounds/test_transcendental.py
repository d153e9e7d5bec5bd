"""The bounds of ``exp``, ``erf``, ``tanh``, ``sigmoid``, ``silu``, ``sqrt`` and ``power``."""

from __future__ import annotations

import float32_forms
import numpy as np
import pytest
import torch
from float32_arithmetic import leaving, within
from hypothesis import given
from hypothesis import strategies as st

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded

GRID = np.concatenate([np.linspace(-30, 30, 20001), *(s * np.logspace(-38, 1.9, 2000) for s in (-1, 1))]).astype(
    np.float32
)


OPERATORS = ("exp", "erf", "tanh", "sigmoid", "silu", "sqrt")
TORCH = {
    "exp": torch.exp,
    "erf": torch.erf,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": torch.nn.functional.silu,
    "sqrt": torch.sqrt,
}


@pytest.mark.parametrize("operator", OPERATORS)
@given(center=st.floats(-90, 90), spread=st.floats(-30, 6), seed=st.integers(0, 2**32 - 1))
def test_no_form_leaves_the_bound(operator, center, spread, seed):
    """Exact arguments, and arguments anywhere inside their errors, with every budget used up."""
    random = np.random.default_rng(seed)
    x = (center + 2.0**spread * random.standard_normal(32)).astype(np.float32)
    x = np.abs(x) if operator == "sqrt" else x
    uncertain = Bounded(x, 2.0**spread * random.uniform(0, 1, 32))
    exact, moved = getattr(bounds, operator)(x), getattr(bounds, operator)(uncertain)

    forms = getattr(float32_forms, operator)
    assert not leaving(exact, forms, x)
    for signs in (-1.0, 1.0, random.uniform(-1, 1, 32)):
        assert not leaving(moved, forms, within(uncertain, signs))


@pytest.mark.parametrize("operator", TORCH)
def test_torch_stays_inside(operator):
    """On a grid from the smallest normal numbers to saturation."""
    x = np.abs(GRID) if operator == "sqrt" else GRID

    assert getattr(bounds, operator)(x).contains(TORCH[operator](torch.from_numpy(x)).numpy()).all()


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_float16_result_and_a_wrong_function_leave_the_bound(operator):
    """Float16 is 2**13 times as coarse; a relative error of 1e-4 is 800 times the budget."""
    bounded = getattr(bounds, operator)(np.linspace(0.1, 3, 100).astype(np.float32))

    assert not bounded.contains(bounded.value.astype(np.float16)).all()
    assert not bounded.contains(bounded.value * 1.0001).all()


def test_a_root_of_what_may_be_negative_and_a_quotient_by_what_may_be_zero_are_unbounded():
    """A legitimate implementation may end in NaN or infinity there."""
    near_zero = Bounded(np.float32([1e-3]), np.array([2e-3]))

    assert np.isinf(bounds.sqrt(near_zero).error).all()
    assert np.isinf(bounds.reciprocal(near_zero).error).all()
    assert np.isinf(bounds.divide(np.float32([1]), near_zero).error).all()


@given(
    st.floats(-4, 4), st.sampled_from([-2.0, -1.0, 0.0, 0.5, 2.0, 3.0]), st.floats(-20, 2), st.integers(0, 2**32 - 1)
)
def test_a_power_stays_inside_where_it_is_bounded(base, exponent, spread, seed):
    """Whole exponents with any base, others with a positive one; across a pole the error is infinite."""
    random = np.random.default_rng(seed)
    uncertain = Bounded(np.full(8, base, np.float32), np.full(8, 2.0**spread))
    bounded = bounds.power(uncertain, np.full(8, exponent, np.float32))

    for signs in (-1.0, 1.0, random.uniform(-1, 1, 8), -np.sign(base) * min(1.0, abs(base) / 2.0**spread)):
        operands = within(uncertain, signs * np.ones(8)), np.full(8, exponent, np.float32)
        assert not leaving(bounded, float32_forms.power, *operands)


def test_a_square_is_tight():
    """The error of x * x is that of a product, up to the budget of a power."""
    bounded = bounds.power(Bounded(np.float32([3]), np.array([1e-3])), np.float32([2]))

    assert bounded.error[0] < 1.01 * (2 * 3 * 1e-3 + 1e-6)
