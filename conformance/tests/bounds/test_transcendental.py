"""The bounds of ``exp``, ``erf``, ``tanh``, ``sigmoid``, ``silu``, ``sqrt`` and ``power``."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from float32_arithmetic import sloppy, within
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded

ONE, HALF = np.float32(1), np.float32(0.5)
EXP, TANH = sloppy(np.exp), sloppy(np.tanh)
GRID = np.concatenate([np.linspace(-30, 30, 20001), *(s * np.logspace(-38, 1.9, 2000) for s in (-1, 1))]).astype(
    np.float32
)


def sigmoids(x, sign):
    """Yield the logistic function in float32 by both forms, with a budget used up."""
    with np.errstate(over="ignore"):
        e = EXP(-x, sign)
        yield "through exp", ONE / (ONE + e)
        yield "through exp, multiplied", np.where(np.isinf(e), 0, ONE * (ONE / (ONE + e)))
    yield "through tanh", HALF * (ONE + TANH(HALF * x, sign))


def silus(x, sign):
    """Yield x * sigmoid(x), and the quotient form."""
    for name, share in sigmoids(x, sign):
        yield name, x * share.astype(np.float32)
    with np.errstate(over="ignore"):
        yield "quotient", x / (ONE + EXP(-x, sign))


FORMS = {
    "exp": lambda x, sign: [("8 ulp", EXP(x, sign))],
    "erf": lambda x, sign: [("8 ulp", sloppy(special.erf)(x, sign))],
    "tanh": lambda x, sign: [("8 ulp", TANH(x, sign))],
    "sigmoid": sigmoids,
    "silu": silus,
    "sqrt": lambda x, sign: [("2 ulp", sloppy(np.sqrt, 1.5)(x, sign))],
}
TORCH = {
    "exp": torch.exp,
    "erf": torch.erf,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": torch.nn.functional.silu,
    "sqrt": torch.sqrt,
}
SLOPPINESS = (-1, 1)


@pytest.mark.parametrize("operator", FORMS)
@given(center=st.floats(-90, 90), spread=st.floats(-30, 6), seed=st.integers(0, 2**32 - 1))
def test_no_form_leaves_the_bound(operator, center, spread, seed):
    """Exact arguments, and arguments anywhere inside their errors, with every budget used up."""
    random = np.random.default_rng(seed)
    x = (center + 2.0**spread * random.standard_normal(32)).astype(np.float32)
    x = np.abs(x) if operator == "sqrt" else x
    uncertain = Bounded(x, 2.0**spread * random.uniform(0, 1, 32))
    exact, moved = getattr(bounds, operator)(x), getattr(bounds, operator)(uncertain)

    with np.errstate(all="ignore"):
        for sign in SLOPPINESS:
            for name, got in FORMS[operator](x, sign):
                assert exact.contains(got).all(), name
            for signs in (-1.0, 1.0, random.uniform(-1, 1, 32)):
                for name, got in FORMS[operator](within(uncertain, signs), sign):
                    assert moved.contains(got).all(), name


@pytest.mark.parametrize("operator", TORCH)
def test_torch_stays_inside(operator):
    """On a grid from the smallest normal numbers to saturation."""
    x = np.abs(GRID) if operator == "sqrt" else GRID

    assert getattr(bounds, operator)(x).contains(TORCH[operator](torch.from_numpy(x)).numpy()).all()


@pytest.mark.parametrize("operator", FORMS)
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
        with np.errstate(all="ignore"):
            got = np.power(within(uncertain, signs * np.ones(8)), np.float32(exponent))
        assert bounded.contains(got).all()


def test_a_square_is_tight():
    """The error of x * x is that of a product, up to the budget of a power."""
    bounded = bounds.power(Bounded(np.float32([3]), np.array([1e-3])), np.float32([2]))

    assert bounded.error[0] < 1.01 * (2 * 3 * 1e-3 + 1e-6)
