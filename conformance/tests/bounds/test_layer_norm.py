"""The bound of ``layer_norm``: two passes, Welford in lanes and the affine form are inside, one pass is not."""

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
    """Draw x, weight, bias and epsilon."""
    rows, features = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 3, 8, 31, 64, 100]))
    x = draw(tensors(rows, features, exponents=(-12, 12)))
    weight, bias = draw(tensors(features, exponents=(-2, 2))), draw(tensors(features, exponents=(-2, 2)))
    return x, weight, bias, draw(st.sampled_from([1e-12, 1e-5]))


@given(cases())
def test_no_legitimate_form_leaves_the_bound(case):
    """Two passes, affine, and running statistics."""
    *operands, epsilon = case

    bounded = bounds.layer_norm(*operands, epsilon=epsilon)

    assert not leaving(bounded, float32_forms.layer_norm, *operands, epsilon=epsilon)


@given(cases(), st.floats(-24, 0), st.integers(0, 2**32 - 1))
def test_operands_that_are_off_within_their_errors_stay_inside(case, exponent, seed):
    """Errors that shift the mean, that widen the row, and random ones."""
    *operands, epsilon = case
    random = np.random.default_rng(seed)
    uncertain = [
        Bounded(a, 2.0**exponent * np.abs(a).max(initial=0.0) * random.uniform(0, 1, a.shape)) for a in operands
    ]
    bounded = bounds.layer_norm(*uncertain, epsilon=epsilon)

    for signs in (np.ones_like, np.sign, lambda a: random.uniform(-1, 1, a.shape)):
        moved = [within(operand, signs(operand.value)) for operand in uncertain]
        assert not leaving(bounded, float32_forms.layer_norm, *moved, epsilon=epsilon)


def test_the_root_mean_square_error_of_a_running_mean_is_what_the_derivation_counts():
    """Root mean square over k of 1 + 5 (1 + H_k) / k stays below 2 + 40 / n, in units of n u."""
    k = np.arange(1, 100_001)
    harmonic = np.cumsum(1 / k)
    squares = np.cumsum(np.where(k > 1, (1 + 5 * (1 + harmonic) / k) ** 2, 0))

    assert (np.sqrt(squares / k) <= 2 + 40 / k).all()


def test_torch_stays_inside_at_every_mean():
    """A real float32 runtime at a real size, on rows around means from 0 to 1000 deviations."""
    random = np.random.default_rng(3)
    weight, bias = random.standard_normal((2, 384)).astype(np.float32)
    for mean in (0, 1, 30, 1000):
        x = (random.standard_normal((16, 384)) + mean).astype(np.float32)
        features, gain, shift = map(torch.from_numpy, (x, weight, bias))
        got = torch.nn.functional.layer_norm(features, (384,), gain, shift, 1e-12).numpy()

        assert bounds.layer_norm(x, weight, bias, epsilon=1e-12).contains(got).all(), mean


def test_bugs_leave_the_bound():
    """One pass at a mean of 1000 deviations, the unbiased variance, epsilon beside the root, and a float16 output."""
    random = np.random.default_rng(4)
    x = (random.standard_normal((32, 64)) / 16).astype(np.float32)
    weight, bias = random.standard_normal((2, 64)).astype(np.float32)
    far = 16 * x + np.float32(1000)
    mean = far.mean(-1, keepdims=True)
    variance = (far * far).mean(-1, keepdims=True) - mean * mean
    one_pass = (far - mean) / np.sqrt(np.abs(variance) + np.float32(1e-5)) * weight + bias
    d = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((d * d).mean(-1, keepdims=True))
    unbiased = d / np.sqrt((d * d).sum(-1, keepdims=True) / np.float32(63) + np.float32(1e-5)) * weight + bias
    beside = d / (deviation + np.float32(1e-5)) * weight + bias
    near = bounds.layer_norm(x, weight, bias, epsilon=1e-5)

    assert not bounds.layer_norm(far, weight, bias, epsilon=1e-5).contains(one_pass).all()
    assert not near.contains(unbiased).all()
    assert not near.contains(beside).all()
    assert not near.contains(near.value.astype(np.float16)).all()
    assert near.contains(near.value.astype(np.float32)).all()


def test_a_row_with_nan_or_infinity_is_nan():
    """The special row is demanded, and its neighbour is not touched."""
    x = np.float32([[np.nan, 1, 2], [np.inf, 1, 2], [0, 1, 2]])
    bounded = bounds.layer_norm(x, np.ones(3, np.float32), np.zeros(3, np.float32), epsilon=1e-5)

    assert bounded.error[:2].tolist() == [[0] * 3] * 2
    assert np.isfinite(bounded.error[2]).all()
