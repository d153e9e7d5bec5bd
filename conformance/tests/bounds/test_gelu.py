"""The bounds of ``gelu`` and ``gelu_tanh``: safe for the published forms, and neither form passes for the other."""

from __future__ import annotations

import float32_forms
import numpy as np
import pytest
import torch
from float32_arithmetic import leaving, within
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded
from distilspec.conformance.bounds.gelu import CURVATURE, STEEPEST

DENSE = np.concatenate([np.linspace(-12, 12, 200_001), *(s * np.logspace(-30, 1, 4000) for s in (-1, 1))])


OPERATORS = ("gelu", "gelu_tanh")


@pytest.mark.parametrize("operator", OPERATORS)
@given(center=st.floats(-12, 12), spread=st.floats(-30, 4), seed=st.integers(0, 2**32 - 1))
def test_no_form_leaves_the_bound(operator, center, spread, seed):
    """Exact arguments, and arguments anywhere inside their errors, with every budget used up."""
    random = np.random.default_rng(seed)
    x = (center + 2.0**spread * random.standard_normal(32)).astype(np.float32)
    uncertain = Bounded(x, 2.0**spread * random.uniform(0, 1, 32))
    exact, moved = getattr(bounds, operator)(x), getattr(bounds, operator)(uncertain)

    forms = getattr(float32_forms, operator)
    assert not leaving(exact, forms, x)
    for signs in (-1.0, 1.0, random.uniform(-1, 1, 32)):
        assert not leaving(moved, forms, within(uncertain, signs))


@pytest.mark.parametrize(("operator", "approximate"), [("gelu", "none"), ("gelu_tanh", "tanh")])
def test_torch_stays_inside(operator, approximate):
    """On a dense grid: PyTorch's own erf for gelu has an absolute accuracy near 0, which the budget covers."""
    x = DENSE.astype(np.float32)

    with torch.backends.mkldnn.flags(enabled=False):
        got = torch.nn.functional.gelu(torch.from_numpy(x), approximate=approximate).numpy()

    assert getattr(bounds, operator)(x).contains(got).all()


def test_torch_with_onednn_leaves_the_bound_only_where_its_finding_says():
    """Finding 0023: with AVX-512, at some arguments between -3.6 and -2.6, by less than half of the bound."""
    x = DENSE.astype(np.float32)

    got = torch.nn.functional.gelu(torch.from_numpy(x)).numpy()

    bound = bounds.gelu(x)
    outside = ~bound.contains(got)
    assert ((x > -3.6) & (x < -2.6))[outside].all()
    assert (np.abs(got - bound.value) <= 1.5 * bound.error)[outside].all()


def test_the_constants_of_the_taylor_bound_hold_on_a_dense_grid():
    """The slopes of both forms stay below 1.13 and their second derivatives below 0.8, by central differences."""
    x, h = np.linspace(-12, 12, 240_001), 1e-4
    tanh_form = lambda t: t * special.expit(2 * np.sqrt(2 / np.pi) * (t + 0.044715 * t**3))  # noqa: E731
    for form in (lambda t: t * special.ndtr(t), tanh_form):
        before, at, after = form(x - h), form(x), form(x + h)
        assert np.abs((after - before) / (2 * h)).max() < STEEPEST
        assert np.abs((after - 2 * at + before) / h**2).max() < CURVATURE


def test_each_form_leaves_the_bound_of_the_other():
    """They differ by up to 4.7e-4; a float16 result and a sigmoid approximation are outside as well."""
    x = np.linspace(-4, 4, 1001).astype(np.float32)
    erf_form, tanh_form = bounds.gelu(x), bounds.gelu_tanh(x)

    assert not erf_form.contains(tanh_form.value.astype(np.float32)).all()
    assert not tanh_form.contains(erf_form.value.astype(np.float32)).all()
    assert not erf_form.contains(erf_form.value.astype(np.float16)).all()
    assert not erf_form.contains(x * special.expit(np.float32(1.702) * x)).all()
