"""Pooled sequences: means within their bound and first tokens exactly, whatever masked and absent tokens hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rowwise_runs import GARBAGE, assert_within, everyhow, in_tiles, run, sizes, tiles_of, untiled

from distilspec.conformance import bounds
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.cls_pool import cls_pool
from distilspec.fast.kernels.layout import padded
from distilspec.fast.kernels.mean_pool import mean_pool
from distilspec.reference import ops as reference


def pooled(target, machine, function_of, x, mask=None):
    """Return what a kernel makes of x [batch, sequence, features]: [batch, features]; lanes without a token are NaN."""
    batch, sequence, features = x.shape
    start, count, _ = tiles_of(target, batch, sequence)
    tiles = np.arange(batch + 1) * (len(start) // batch)
    out = np.full((padded(batch, target.tile) // target.tile, features, target.tile), GARBAGE)
    operands = [in_tiles(x, target, fill=np.float32(np.nan)), tiles, out]
    if mask is not None:
        operands = [operands[0], mask.astype(np.uint8), tiles, start, count, out]
    for first, last in ((batch // 2, batch), (0, batch // 2)):
        run(function_of, target, (), machine, *operands, features, first, last)
    assert (untiled(out, out.shape[0] * target.tile, features)[batch:] == GARBAGE).all()
    return untiled(out, batch, features)


def drawn(seed, *shape):
    """Return x [batch, sequence, features] and a mask that keeps some tokens, none of the last sequence."""
    mask = seed.random(shape[:2]) < 0.7
    mask[-1] = False
    return seed.standard_normal(shape, np.float32), mask


@everyhow
def test_means_of_every_size_are_within_the_bound(target, machine):
    """Tokens beside registers and tiles, features beside blocks, more sequences than a tile holds."""
    seed = np.random.default_rng(0)
    for sequence in sizes(target) if machine else (1, target.tile + 1):
        for features in (1, 7, 8, 9, 37) if machine else (1, 9):
            x, mask = drawn(seed, 3, sequence, features)
            assert_within(pooled(target, machine, mean_pool, x, mask), bounds.mean_pool(x, mask))
    x, mask = drawn(seed, target.tile + 1, 2, 3)
    assert_within(pooled(target, machine, mean_pool, x, mask), bounds.mean_pool(x, mask))


@everyhow
def test_masked_tokens_change_nothing(target, machine):
    """NaN and infinities at masked tokens; all masked gives zeros; kept ones go through as IEEE 754 says."""
    x, mask = drawn(np.random.default_rng(1), 4, target.lanes + 3, 5)
    mask[0], mask[1, ::2], mask[2] = True, False, True
    clean = pooled(target, machine, mean_pool, x, mask)
    x[1, ::2] = np.float32([np.nan, np.inf, -np.inf, 3e38, np.nan])
    x[3] = np.nan
    found = pooled(target, machine, mean_pool, x, mask)

    np.testing.assert_array_equal(found, clean)
    assert (found[3] == 0).all()
    x[2, 1] = np.float32([np.nan, np.inf, -np.inf, 1, 1])
    assert_within(pooled(target, machine, mean_pool, x, mask), bounds.mean_pool(x, mask))


@pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)
@given(data=st.data())
def test_any_mean_is_within_the_bound(target, data):
    """Tokens of very different size, random masks."""
    seed = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x, mask = drawn(seed, data.draw(st.integers(1, 4)), data.draw(st.integers(1, 40)), data.draw(st.integers(1, 20)))
    x = (x * np.exp(seed.uniform(-9, 9, (*x.shape[:2], 1)))).astype(np.float32)

    assert_within(pooled(target, True, mean_pool, x, mask), bounds.mean_pool(x, mask))


@pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)
def test_a_real_size(target):
    """384 features, 128 tokens."""
    x, mask = drawn(np.random.default_rng(2), 5, 128, 384)

    assert_within(pooled(target, True, mean_pool, x, mask), bounds.mean_pool(x, mask))
    np.testing.assert_array_equal(pooled(target, True, cls_pool, x), reference.cls_pool(x))


def test_all_targets_and_the_interpreter_give_the_same_bits():
    """The order of a sum is that of the tokens, whatever the lanes and the tile."""
    x, mask = drawn(np.random.default_rng(3), 3, 70, 9)

    results = [pooled(target, False, mean_pool, x, mask) for target in TARGETS.values()]
    results += [pooled(target, True, mean_pool, x, mask) for target in executable_targets()]

    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@everyhow
def test_first_tokens_are_copied(target, machine):
    """NaN and infinities too, of more sequences than a tile holds."""
    for sequence in (1, target.tile, target.tile + 1):
        x = np.random.default_rng(4).standard_normal((target.tile + 1, sequence, 3), np.float32)
        x[0, 0], x[1:, 1:] = (np.nan, np.inf, -np.inf), np.nan

        np.testing.assert_array_equal(pooled(target, machine, cls_pool, x), x[:, 0])
