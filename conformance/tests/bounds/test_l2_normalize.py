"""The bound of ``l2_normalize``: safe for every order of summation and for squares that underflow, and it bites."""

from __future__ import annotations

import float32_forms
import numpy as np
from float32_arithmetic import leaving, tensors, within
from hypothesis import given
from hypothesis import strategies as st

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded


@given(tensors(3, 20, exponents=(-70, 40)), st.floats(-24, 1), st.integers(0, 2**32 - 1))
def test_no_form_leaves_the_bound(x, exponent, seed):
    """Lengths from far below epsilon to 2**40, exact and uncertain."""
    random = np.random.default_rng(seed)
    uncertain = Bounded(x, 2.0**exponent * np.abs(x) * random.uniform(0, 1, x.shape))
    exact, moved = bounds.l2_normalize(x), bounds.l2_normalize(uncertain)

    assert not leaving(exact, float32_forms.l2_normalize, x)
    for signs in (np.sign(x), random.uniform(-1, 1, x.shape)):
        assert not leaving(moved, float32_forms.l2_normalize, within(uncertain, signs))


def test_bugs_leave_the_bound():
    """The other norm, a float16 output, epsilon added to the length, and a zero vector that turns to NaN."""
    x = np.random.default_rng(0).standard_normal((4, 384)).astype(np.float32)
    bounded = bounds.l2_normalize(x, epsilon=1e-3)
    length = np.linalg.norm(x, axis=-1, keepdims=True)

    assert bounded.contains(x / length).all()
    assert not bounded.contains(x / np.abs(x).sum(axis=-1, keepdims=True)).any()
    assert not bounded.contains((x / length).astype(np.float16)).all()
    assert not bounded.contains(x / (length + np.float32(1e-3))).all()
    assert not bounds.l2_normalize(np.zeros((1, 3), np.float32)).contains(np.full((1, 3), np.nan)).any()
