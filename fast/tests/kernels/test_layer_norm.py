"""LayerNorm: within its derived bound at every mean, the same bits on every target, and the codes of what it gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rowwise_runs import assert_within, everyhow, run, shifted, sizes, tiled, untiled

from distilspec.conformance import bounds
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.codes import Layout, code_bytes
from distilspec.fast.kernels.layer_norm import layer_norm
from distilspec.fast.kernels.layout import code_type, tiled_factors, tiled_rows
from distilspec.reference import ops as reference

layouts = pytest.mark.parametrize("layout", Layout)


def normalised(target, machine, x, weight, bias, epsilon=1e-12):
    """Return what the kernel without codes makes of x [tokens, features]."""
    held = tiled(x, target)
    out = np.zeros_like(held)
    run(layer_norm, target, (None,), machine, held, weight, bias, out, x.shape[1], epsilon, 0, len(held))
    return untiled(out, *x.shape)


def drawn(seed, tokens, features, mean=0.0):
    """Return x around a mean, a weight and a bias."""
    x = (seed.standard_normal((tokens, features)) + mean).astype(np.float32)
    return x, *seed.standard_normal((2, features), np.float32)


@everyhow
def test_every_size_is_within_the_bound(target, machine):
    """Numbers of tokens and features beside registers, tiles and rounds of chains; one feature is the bias."""
    seed = np.random.default_rng(0)
    for tokens in sizes(target):
        for features in (1, 2, 3, 4, 5, 37) if machine else (1, 6):
            operands = drawn(seed, tokens, features)
            assert_within(normalised(target, machine, *operands, 1e-5), bounds.layer_norm(*operands, epsilon=1e-5))


@pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)
@pytest.mark.parametrize("mean", [0, 1, 1e2, 1e4, 1e6])
def test_a_real_size_is_within_the_bound_at_every_mean(target, mean):
    """768 features, the bound of which is wider; no digits are lost to a large mean."""
    operands = drawn(np.random.default_rng(1), 37, 768, mean)

    assert_within(normalised(target, True, *operands), bounds.layer_norm(*operands, epsilon=1e-12))


@pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)
@given(data=st.data())
def test_anything_is_within_the_bound(target, data):
    """Features of very different size in a token, tokens of very different size beside each other."""
    seed = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    tokens, features = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 70))
    x, weight, bias = drawn(seed, tokens, features)
    x = (x * np.exp(seed.uniform(-9, 9, x.shape)) * np.exp(seed.uniform(-9, 9, (tokens, 1)))).astype(np.float32)
    epsilon = data.draw(st.sampled_from([1e-12, 1e-5]))

    assert_within(
        normalised(target, True, x, weight, bias, epsilon), bounds.layer_norm(x, weight, bias, epsilon=epsilon)
    )


def test_all_targets_and_the_interpreter_give_the_same_bits():
    """The order of the sums is that of the features, whatever the lanes."""
    operands = drawn(np.random.default_rng(2), 5, 23, 3.0)

    results = [normalised(target, False, *operands) for target in TARGETS.values()]
    results += [normalised(target, True, *operands) for target in executable_targets()]

    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@everyhow
def test_special_tokens_touch_no_other(target, machine):
    """Equal features give the bias, NaN and infinity make their own token NaN."""
    x, weight, bias = drawn(np.random.default_rng(3), 4, 5)
    x[1], x[2, 3], x[3, 0] = 7, np.nan, np.inf

    found = normalised(target, machine, x, weight, bias)

    assert_within(found[:1], bounds.layer_norm(x[:1], weight, bias, epsilon=1e-12))
    np.testing.assert_array_equal(found[1], bias)
    assert np.isnan(found[2:]).all()


@everyhow
@layouts
@settings(max_examples=3)
@given(seed=st.integers(0, 2**32 - 1))
def test_codes_are_those_of_the_floats(target, machine, layout, seed):
    """The same floats as without codes, and the reference's codes of exactly these floats; tiles in two calls."""
    seed = np.random.default_rng(seed)
    tokens, features = target.tile + 3, int(seed.integers(1, 8))
    x, weight, bias = drawn(seed, tokens, features)
    scale, zero_point = np.float32(seed.uniform(0.005, 0.05)), seed.integers(0, 256, dtype=np.uint8)
    held = tiled(x, target)
    out = np.zeros_like(held)
    codes = np.zeros(2 * code_bytes(target, layout, features), np.uint8)
    held_zero_point = int(zero_point) - shifted(target)
    operands = [held, weight, bias, out, codes, features, held_zero_point, 1e-12, float(scale)]

    for tile in (1, 0):
        run(layer_norm, target, (layout,), machine, *operands, tile, tile + 1)

    floats = untiled(out, tokens, features)
    np.testing.assert_array_equal(floats, normalised(target, machine, x, weight, bias))
    wanted = reference.quantize(floats, scale, zero_point).astype(np.int64)
    arranged = {Layout.FACTORS: tiled_factors, Layout.ROWS: tiled_rows}[layout]
    used = arranged(np.ones(x.shape, np.int64), target).reshape(-1) == 1
    found = codes.view(code_type(target))
    np.testing.assert_array_equal(found[used], arranged(wanted - shifted(target), target).reshape(-1)[used])
