"""Scales and zero points from the data, by token and by tensor: bit for bit those of the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rowwise_runs import GARBAGE, everyhow, in_tiles, run, shifted, sizes, tiled, tiles_of

from distilspec.fast.isa import executable_targets
from distilspec.fast.kernels.tensor_range import tensor_range, tensor_scale
from distilspec.fast.kernels.token_range import token_range
from distilspec.reference import ops as reference

targets = pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)

TINY, SMALLEST = np.finfo(np.float32).tiny, np.float32(1e-45)


def by_token(target, machine, x):
    """Return the scale and the int8 zero point of every token of x [tokens, features]."""
    held = tiled(x, target)
    scale, zero_point = np.full(len(held) * target.tile, GARBAGE), np.full(len(held) * target.tile, -999, np.int32)
    for tile in reversed(range(len(held))):
        run(token_range, target, (), machine, held, scale, zero_point, x.shape[1], tile, tile + 1)
    return scale[: len(x)], zero_point[: len(x)] + shifted(target) - 128


def by_tensor(target, machine, x):
    """Return the scale and the uint8 zero point that every token of x [batch, sequence, features] gets."""
    held = in_tiles(x, target)
    _, count, _ = tiles_of(target, *x.shape[:2])
    tiles = len(held)
    low, high = np.full((2, tiles), GARBAGE)
    scale, zero_point = np.full(tiles * target.tile, GARBAGE), np.full(tiles * target.tile, -999, np.int32)
    for tile in reversed(range(tiles)):
        run(tensor_range, target, (), machine, held, count, low, high, x.shape[2], tile, tile + 1)
    run(tensor_scale, target, (), machine, low, high, scale, zero_point, tiles, 0, 1)
    return scale, zero_point + shifted(target)


def assert_tokens(target, machine, x):
    """Compare with the reference."""
    scale, zero_point = by_token(target, machine, x)
    wanted = reference.dynamic_quantize_token(x)
    np.testing.assert_array_equal(scale, wanted.scale[:, 0])
    assert (zero_point == wanted.zero_point).all()


def assert_tensor(target, machine, x):
    """Compare with the reference."""
    scale, zero_point = by_tensor(target, machine, x)
    wanted = reference.dynamic_quantize(x)
    assert (scale == wanted.scale).all()
    assert (zero_point == wanted.zero_point).all()


def random(seed, *shape):
    """Return numbers of which no one is like another, off 0 on either side now and then."""
    middle = seed.choice([-3, -0.5, 0, 0.5, 3])
    return (seed.standard_normal(shape) + middle).astype(np.float32) * np.float32(np.exp(seed.uniform(-20, 20)))


@everyhow
def test_every_size(target, machine):
    """Tokens and features beside registers, tiles and rounds; lanes without a token hold what would be an end."""
    seed = np.random.default_rng(0)
    for tokens in sizes(target):
        for features in (1, 2, 3, 4, 5, 7, 37) if machine else (1, 5):
            assert_tokens(target, machine, random(seed, tokens, features))
            assert_tensor(target, machine, random(seed, 2, tokens, features))


@everyhow
@pytest.mark.parametrize("where", ["first", "last"])
def test_every_element_takes_part(target, machine, where):
    """One element that is larger, and one that is smaller than all others, at every place of a tile in turn."""
    x = np.zeros((1, target.tile, 5), np.float32)
    for token in range(target.tile):
        feature = token % 5 if where == "first" else 4 - token % 5
        x[:], x[0, token, feature] = 0, -3 if where == "first" else 3
        assert_tensor(target, machine, x)
        assert_tokens(target, machine, x[0])


@everyhow
def test_ranges_that_have_no_scale(target, machine):
    """Zeros, subnormal scales, the smallest normal one, and the numbers beside it."""
    edges = [np.nextafter(np.float32(codes) * TINY, side) for codes in (127, 255) for side in np.float32([0, 1])]
    widths = np.float32([0, -0.0, SMALLEST, TINY, 127 * TINY, 255 * TINY, *edges, 3e38])
    for sign in np.float32([1, -1]):
        assert_tokens(target, machine, (sign * widths)[:, np.newaxis])
        for width in widths:
            assert_tensor(target, machine, np.full((1, 1, 1), sign * width, np.float32))


@everyhow
def test_ties_of_the_zero_point_go_to_even(target, machine):
    """Scale 1 and an end at every half."""
    for low in np.float32([-0.5, -1.5, -2.5, -127.5, -253.5, -254.5]):
        assert_tensor(target, machine, np.float32([[[low, low + 255]]]))


@targets
@given(data=st.data())
def test_anything(target, data):
    """Bit for bit, whatever finite numbers there are."""
    finite = st.floats(-(2.0**126), 2.0**126, width=32)
    tokens, features = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    x = np.float32(data.draw(st.lists(finite, min_size=tokens * features, max_size=tokens * features)))

    assert_tokens(target, True, x.reshape(tokens, features))
    assert_tensor(target, True, x.reshape(1, tokens, features))


@targets
def test_a_real_size(target):
    """768 features."""
    x = random(np.random.default_rng(1), 2, 37, 768)

    assert_tensor(target, True, x)
    assert_tokens(target, True, x[0])
