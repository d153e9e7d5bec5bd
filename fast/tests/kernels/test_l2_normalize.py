"""L2 normalisation: within its derived bound, the same bits on every target, special tokens alone with themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rowwise_runs import assert_within, everyhow, run, sizes, tiled, untiled

from distilspec.conformance import bounds
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.l2_normalize import l2_normalize

targets = pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)


def normalised(target, machine, x, epsilon=1e-12):
    """Return what the kernel makes of x [tokens, features]."""
    held = tiled(x, target)
    out = np.zeros_like(held)
    for tile in reversed(range(len(held))):
        run(l2_normalize, target, (), machine, held, out, x.shape[1], epsilon, tile, tile + 1)
    return untiled(out, *x.shape)


@everyhow
def test_every_size_is_within_the_bound(target, machine):
    """Tokens and features beside registers, tiles and rounds of chains."""
    seed = np.random.default_rng(0)
    for tokens in sizes(target):
        for features in (1, 2, 3, 4, 5, 37) if machine else (1, 6):
            x = seed.standard_normal((tokens, features), np.float32)
            assert_within(normalised(target, machine, x), bounds.l2_normalize(x))


@targets
@given(data=st.data())
def test_anything_is_within_the_bound(target, data):
    """Features of very different size, lengths below epsilon, squares that overflow and that vanish."""
    seed = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    tokens, features = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 70))
    size = np.exp(data.draw(st.sampled_from([0, 20, 40])) * seed.uniform(-1, 1, (tokens, 1)))
    x = (seed.standard_normal((tokens, features)) * np.exp(seed.uniform(-5, 5, (tokens, features))) * size).astype("f4")
    epsilon = data.draw(st.sampled_from([1e-12, 1e-5, 0.5]))

    assert_within(normalised(target, True, x, epsilon), bounds.l2_normalize(x, epsilon=epsilon))


@targets
def test_a_real_size(target):
    """384 features."""
    x = np.random.default_rng(1).standard_normal((37, 384), np.float32)

    assert_within(normalised(target, True, x), bounds.l2_normalize(x))


@everyhow
def test_special_tokens_touch_no_other(target, machine):
    """A zero vector gives zeros, one with NaN is NaN, one with an infinity NaN there and 0 elsewhere."""
    x = np.random.default_rng(2).standard_normal((4, 5), np.float32)
    x[1], x[2, 3], x[3, 0] = 0, np.nan, np.inf

    assert_within(normalised(target, machine, x), bounds.l2_normalize(x))


def test_all_targets_and_the_interpreter_give_the_same_bits():
    """The order of the sums is that of the features."""
    x = np.random.default_rng(3).standard_normal((5, 23), np.float32)

    results = [normalised(target, False, x) for target in TARGETS.values()]
    results += [normalised(target, True, x) for target in executable_targets()]

    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
