"""The list of kept keys: all of them, in order, and where they lie."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rowwise_runs import everyhow, run

from distilspec.fast.kernels.key_list import key_list

UNTOUCHED = -1


def listed(target, mask, features, machine, parts=((0, None),)):
    """Return offsets [batch, tokens] and counts [batch] as the kernel leaves them."""
    batch, tokens = mask.shape
    keys, counts = np.full((batch, tokens), UNTOUCHED, np.int64), np.full(batch, UNTOUCHED, np.int64)
    stride = features * target.tile * 4
    for first, last in parts:
        end = batch if last is None else last
        run(key_list, target, (), machine, mask.astype(np.uint8), keys, counts, tokens, stride, first, end)
    return keys, counts


@everyhow
@settings(max_examples=20)
@given(data=st.data())
def test_every_kept_key_is_listed_where_it_lies(target, machine, data):
    """Against positions in an array of the same shape; masks of every density, empty and full ones."""
    batch, tokens, features = (data.draw(st.integers(1, top)) for top in (4, 70, 9))
    seed = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    mask = seed.random((batch, tokens)) < data.draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    tiles = -(-tokens // target.tile)
    places = 4 * np.arange(tiles * features * target.tile).reshape(tiles, features, target.tile)
    by_token = places[:, 0, :].reshape(-1)[:tokens]

    keys, counts = listed(target, mask, features, machine)

    for kept, found, count in zip(mask, keys, counts, strict=True):
        assert found[:count].tolist() == by_token[kept].tolist()


@everyhow
def test_sequences_of_other_calls_stay_as_they_were(target, machine):
    """In any order of calls, and a call without sequences does nothing."""
    mask = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1]], np.bool_)

    keys, counts = listed(target, mask, 5, machine, parts=((2, 3), (1, 1), (0, 1)))

    assert counts.tolist() == [2, UNTOUCHED, 3]
    assert (keys[1] == UNTOUCHED).all()
    np.testing.assert_array_equal(keys[0, :2], keys[2, [0, 2]])
