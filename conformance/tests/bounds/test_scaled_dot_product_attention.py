"""The bound of ``scaled_dot_product_attention``: both PyTorch kernels and plain float32 are inside, bugs are not."""

from __future__ import annotations

import float32_forms
import numpy as np
import pytest
import torch
from float32_arithmetic import leaving, make, within
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded


@st.composite
def cases(draw):
    """Draw query, key, value and mask."""
    queries, keys, size, width = (draw(st.integers(1, 9)) for _ in range(4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = [draw(st.sampled_from(["normal", "cancelling", "integers", "offset"])) for _ in range(3)]
    shapes = (2, queries, size), (2, keys, size), (2, keys, width)
    operands = [make(kind, random, shape, draw(st.integers(-4, 4))) for kind, shape in zip(kinds, shapes, strict=True)]
    mask = random.uniform(size=(2, 1, keys)) >= draw(st.sampled_from([0.0, 0.3]))
    return (*operands, mask)


@given(cases())
def test_no_form_leaves_the_bound(case):
    """A query whose keys are all masked gives exact zeros."""
    *operands, mask = case
    bounded = bounds.scaled_dot_product_attention(*operands, mask, scale=0.37)

    assert not leaving(bounded, float32_forms.scaled_dot_product_attention, *operands, mask, scale=0.37)
    assert not bounded.error[~mask.any(axis=(-1, -2))].any()


@given(cases(), st.floats(-24, -2), st.integers(0, 2**32 - 1))
def test_operands_that_are_off_within_their_errors_stay_inside(case, exponent, seed):
    """Errors in query, key and value together."""
    *operands, mask = case
    random = np.random.default_rng(seed)
    uncertain = [Bounded(operand, 2.0**exponent * np.abs(operand)) for operand in operands]
    bounded = bounds.scaled_dot_product_attention(*uncertain, mask, scale=0.37)

    moved = [within(operand, random.choice([-1.0, 1.0], operand.shape)) for operand in uncertain]
    assert not leaving(bounded, float32_forms.scaled_dot_product_attention, *moved, mask, scale=0.37)


@pytest.mark.parametrize("backend", [SDPBackend.MATH, SDPBackend.FLASH_ATTENTION])
@pytest.mark.parametrize(("length", "size", "magnitude"), [(1, 1, 1), (3, 4, 4), (17, 16, 30), (128, 32, 2)])
def test_torch_stays_inside(backend, length, size, magnitude):
    """The fused kernel exponentiates with up to 20 ulp, which the sums around it cover."""
    random = np.random.default_rng(length)
    operands = [(magnitude * random.standard_normal((1, 12, length, size))).astype(np.float32) for _ in range(3)]

    with sdpa_kernel(backend):
        got = torch.nn.functional.scaled_dot_product_attention(*map(torch.from_numpy, operands)).numpy()

    assert bounds.scaled_dot_product_attention(*operands, scale=size**-0.5).contains(got).all()


def test_what_a_masked_key_holds_changes_nothing():
    """NaN and infinities at keys that no query keeps leave the bound as it is."""
    random = np.random.default_rng(0)
    query, key, value = random.standard_normal((3, 1, 4, 8)).astype(np.float32)
    mask = np.array([[[True, True, True, False]]])
    clean = bounds.scaled_dot_product_attention(query, key, value, mask, scale=0.3)
    key[:, -1], value[:, -1] = np.nan, np.inf

    dirty = bounds.scaled_dot_product_attention(query, key, value, mask, scale=0.3)

    assert np.isfinite(dirty.error).all()
    assert np.allclose(dirty.error, clean.error, rtol=1e-6)


def test_bugs_leave_the_bound():
    """A forgotten scale, a mask on the wrong key, -10 as mask, float16 shares, and the mean for a masked row."""
    random = np.random.default_rng(1)
    query, key, value = random.standard_normal((3, 2, 16, 8)).astype(np.float32)
    mask = np.ones((2, 1, 16), np.bool_)
    mask[..., -1] = False
    bounded = bounds.scaled_dot_product_attention(query, key, value, mask, scale=8**-0.5)
    scores = (query @ key.swapaxes(-1, -2)).astype(np.float64)

    def shares(scores):
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    scaled = scores * 8**-0.5
    right = shares(np.where(mask, scaled, -np.inf))
    assert bounded.contains((right @ value).astype(np.float32)).all()
    assert not bounded.contains(shares(np.where(mask, scores, -np.inf)) @ value).all()
    assert not bounded.contains(shares(np.where(mask[..., ::-1], scaled, -np.inf)) @ value).all()
    assert not bounded.contains(shares(np.where(mask, scaled, scaled - 10)) @ value).all()
    assert not bounded.contains(right.astype(np.float16).astype(np.float32) @ value).all()
    nothing = bounds.scaled_dot_product_attention(query, key, value, np.zeros_like(mask), scale=0.3)
    assert not nothing.contains(np.broadcast_to(value.mean(axis=1, keepdims=True), value.shape)).any()
