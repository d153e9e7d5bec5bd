"""The bound of ``softmax``: safe for every order, block size and budget, tight for a long row, and it bites."""

from __future__ import annotations

import float32_forms
import numpy as np
import torch
from float32_arithmetic import leaving, tensors, within
from hypothesis import given
from hypothesis import strategies as st

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded


@st.composite
def cases(draw):
    """Draw scores and a mask; sizes cross the block size, and a row may have nothing kept."""
    rows, entries = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 7, 63, 64, 65, 130]))
    x = draw(tensors(rows, entries, exponents=(-10, 6)))
    share = draw(st.sampled_from([0.0, 0.3, 1.0]))
    kept = np.random.default_rng(draw(st.integers(0, 99))).uniform(size=x.shape) >= share
    return x, kept


@given(cases())
def test_no_form_leaves_the_bound(case):
    """Masked entries are exactly 0, and the others are inside for every form."""
    x, kept = case
    bounded = bounds.softmax(x, kept)

    assert not bounded.error[~kept].any()
    assert not leaving(bounded, float32_forms.softmax, x, kept)


@given(cases(), st.floats(-20, 1), st.integers(0, 2**32 - 1))
def test_scores_that_are_off_within_their_errors_stay_inside(case, exponent, seed):
    """One entry up and the others down, all random, and errors from far below rounding to larger than the scores."""
    x, kept = case
    random = np.random.default_rng(seed)
    uncertain = Bounded(x, random.uniform(0, 2.0**exponent, x.shape))
    bounded = bounds.softmax(uncertain, kept)

    one_up = np.where(np.arange(x.shape[-1]) == random.integers(x.shape[-1]), 1.0, -1.0)
    for signs in (one_up, -one_up, random.uniform(-1, 1, x.shape)):
        assert not leaving(bounded, float32_forms.softmax, within(uncertain, signs), kept)


def test_one_certain_entry_and_one_that_is_wide_open():
    """A share is between 0 and 1, whatever the error: no overflow makes the bound infinite."""
    bounded = bounds.softmax(Bounded(np.float32([[0, 0]]), np.array([[0.0, 1e6]])))

    assert (bounded.error >= 0.5).all()
    assert (bounded.error < 0.5001).all()


def test_an_additive_mask_of_the_lowest_float32_gives_exact_shares():
    """Exported graphs mask by adding -3.4e38: the masked share is 0, and the others are as if it were not there."""
    lowest = np.finfo(np.float32).min
    mask = bounds.multiply(bounds.subtract(np.float32([1, 1, 1]), np.float32([1, 1, 0])), lowest.reshape(1))
    scores = bounds.add(Bounded(np.float32([1, 2, 3]), np.full(3, 1e-6)), mask)

    shares = bounds.softmax(scores)

    assert shares.value[2] == 0
    assert (shares.error < 1e-5).all()
    assert shares.error[2] < 1e-30


def test_torch_stays_inside():
    """A real float32 runtime at a real size."""
    x = (8 * np.random.default_rng(1).standard_normal((64, 384))).astype(np.float32)

    assert bounds.softmax(x).contains(torch.softmax(torch.from_numpy(x), -1).numpy()).all()


def test_bugs_leave_the_bound():
    """No maximum subtracted, a dropped entry, float16, a mask that is ignored, and a uniform row for nothing kept."""
    x = np.random.default_rng(2).standard_normal((8, 64)).astype(np.float32)
    kept = np.ones(x.shape, np.bool_)
    kept[:, -1] = False
    masked, large = bounds.softmax(x, kept), bounds.softmax(x + np.float32(90))
    right = torch.softmax(torch.from_numpy(x), -1).numpy()
    with np.errstate(all="ignore"):
        overflowed = np.exp(x + np.float32(90)) / np.exp(x + np.float32(90)).sum(-1, keepdims=True)

    assert not large.contains(overflowed).all()
    assert not masked.contains(right)[:, -1].any()
    assert not bounds.softmax(x).contains(np.where(kept, right, 0)).all()
    assert not bounds.softmax(x).contains(right.astype(np.float16)).all()
    assert not bounds.softmax(x, np.zeros_like(kept)).contains(np.full(x.shape, 1 / 64, np.float32)).any()


def test_special_scores():
    """-inf is a share of 0; NaN and +inf make the row NaN, which is then demanded."""
    x = np.float32([[0, -np.inf, 0], [np.nan, 0, 0], [np.inf, 0, 0]])

    bounded = bounds.softmax(x)

    assert bounded.contains(np.float32([[0.5, 0, 0.5], [np.nan] * 3, [np.nan] * 3])).all()
    assert not bounded.contains(np.float32([[0.6, 0.1, 0.4], [1, 1, 1], [1, 1, 1]])).any()
