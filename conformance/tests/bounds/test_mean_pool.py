"""The bound of ``mean_pool``: safe for every order of summation, and it bites."""

from __future__ import annotations

import float32_forms
import numpy as np
from float32_arithmetic import leaving, tensors, within
from hypothesis import given
from hypothesis import strategies as st

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded


@given(tensors(3, 17, 4), st.floats(-24, 1), st.integers(0, 2**32 - 1))
def test_no_form_leaves_the_bound(x, exponent, seed):
    """Exact and uncertain tokens; a sequence without a kept token is exactly zero."""
    random = np.random.default_rng(seed)
    mask = random.uniform(size=(3, 17)) < np.array([[0.0], [0.5], [1.0]])
    uncertain = Bounded(x, 2.0**exponent * np.abs(x))
    exact, moved = bounds.mean_pool(x, mask), bounds.mean_pool(uncertain, mask)

    assert not exact.error[0].any()
    assert not leaving(exact, float32_forms.mean_pool, x, mask)
    for signs in (np.sign(x), random.uniform(-1, 1, x.shape)):
        assert not leaving(moved, float32_forms.mean_pool, within(uncertain, signs), mask)


def test_bugs_leave_the_bound():
    """Padding counted, padding summed, and a masked NaN that leaks."""
    x = np.random.default_rng(0).standard_normal((2, 8, 5)).astype(np.float32)
    mask = np.arange(8) < np.array([[5], [8]])
    bounded = bounds.mean_pool(x, mask)
    kept = np.where(mask[..., np.newaxis], x, 0)

    assert bounded.contains(kept.sum(axis=1) / mask.sum(axis=1, keepdims=True).astype(np.float32)).all()
    assert not bounded.contains(kept.mean(axis=1)).all()
    assert not bounded.contains(x.sum(axis=1) / mask.sum(axis=1, keepdims=True)).all()
    x[0, -1] = np.nan
    assert np.isfinite(bounds.mean_pool(x, mask).error).all()
    assert not bounds.mean_pool(x, mask).contains((x * mask[..., np.newaxis]).sum(axis=1)).all()
