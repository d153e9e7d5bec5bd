"""Weights in pairs that do not saturate: no pair beyond the limit, and together the weight that was given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from distilspec.fast.kernels.pairs import in_limited_pairs, limited

LIMIT = 128

#: Weights of the full range, often its ends, and those that make pairs of exactly the limit and one more.
CODES = st.one_of(st.sampled_from([-128, -127, -65, -64, 0, 1, 2, 64, 65, 127]), st.integers(-128, 127))
weights = st.integers(0, 9).flatmap(lambda half: hnp.arrays(np.int8, (4, 2 * half), elements=CODES))


def most_of_one_sign(weight):
    """Return the largest sum of weights of one sign in a pair, in Python's integers."""
    pairs = [(int(a), int(b)) for row in weight for a, b in zip(row[::2], row[1::2], strict=True)]
    return max((abs(sum(w for w in pair if w * sign > 0)) for pair in pairs for sign in (1, -1)), default=0)


def limited_pairs(weight):
    """Return ``limited`` of the pairs of weights [N, K]."""
    return (part.reshape(weight.shape) for part in limited(weight.reshape(len(weight), -1, 2), LIMIT))


@given(weight=weights)
def test_two_weights_within_the_limit_add_up_to_one(weight):
    """Every weight of the full range, -128 beside -128 too."""
    kept, extra = limited_pairs(weight)

    np.testing.assert_array_equal(kept.astype(int) + extra, weight)
    assert max(most_of_one_sign(kept), most_of_one_sign(extra)) <= LIMIT


def test_what_is_within_the_limit_stays():
    """128 is, 129 is not, and opposite signs never add up."""
    weight = np.int8([[64, 64, 64, 65, 127, -128, -128, 0]])

    kept, extra = limited_pairs(weight)

    assert kept.tolist() == [[64, 64, 64, 64, 127, -128, -128, 0]]
    assert extra.tolist() == [[0, 0, 0, 1, 0, 0, 0, 0]]


def in_pairs(groups):
    """Return for each of some weights [4, K] what ``in_limited_pairs`` makes of it: weights [4, n], and columns [n]."""
    sizes = [rows.shape[1] for rows in groups]
    group, place = np.repeat(np.arange(len(groups)), sizes), np.concatenate([np.arange(size) for size in sizes])
    found, places, columns = in_limited_pairs(group, place, np.concatenate([rows.T for rows in groups]), LIMIT)
    assert (np.diff(found) >= 0).all()
    return [(columns[found == number].T, places[found == number]) for number in range(len(groups))]


@given(groups=st.lists(st.tuples(weights, st.booleans()), min_size=1, max_size=4))
def test_columns_in_pairs_are_the_columns_that_were_given(groups):
    """By group and place, whatever the order and however many they became; the number of a group's is even."""
    groups = [rows[:, odd:] for rows, odd in groups]

    for rows, (kept, places) in zip(groups, in_pairs(groups), strict=True):
        assert most_of_one_sign(kept) <= LIMIT
        assert kept.shape == (4, len(places))
        assert len(places) % 2 == 0
        together = np.zeros((4, rows.shape[1]), int)
        np.add.at(together, (slice(None), places), kept)
        np.testing.assert_array_equal(together, rows)


@pytest.mark.parametrize(("pair", "columns"), [([64, 64], 2), ([64, 65], 4), ([-1, -128], 4), ([127, -128], 2)])
def test_only_what_is_more_than_the_limit_is_parted(pair, columns):
    """128 is not, 129 is; a row in which it is too much is enough."""
    rows = np.zeros((4, 2), np.int8)
    rows[3] = pair

    ((kept, _),) = in_pairs([rows])

    assert kept.shape[1] == columns
    assert most_of_one_sign(kept) <= LIMIT


@pytest.mark.parametrize("size", [2, 3, 154])
def test_nearly_all_ordinary_columns_find_a_partner(size):
    """Normal weights, of which many a pair taken as it comes would be too much."""
    seed = np.random.default_rng(0)
    rows = np.clip(np.rint(seed.standard_normal((4, size)) * 45), -127, 127).astype(np.int8)
    _, as_they_come = limited_pairs(rows[:, : size // 2 * 2])
    assert size < 100 or np.any(as_they_come, axis=0).sum() > size / 40

    ((kept, _),) = in_pairs([rows])

    assert kept.shape[1] <= size + size % 2 + size // 50


def test_columns_of_pruned_weights_find_a_partner():
    """The larger fifth of blocks of four normal weights: with a quarter of the tries more columns are there twice."""
    seed = np.random.default_rng(0)
    blocks = seed.standard_normal((16, 4, 768))
    larger = [rows[:, np.argsort(-np.square(rows).sum(axis=0))[:154]] for rows in blocks]
    scales = [np.abs(rows).max(axis=1, keepdims=True) for rows in larger]
    groups = [np.rint(rows / scale * 127).astype(np.int8) for rows, scale in zip(larger, scales, strict=True)]

    made = sum(kept.shape[1] for kept, _ in in_pairs(groups))

    assert made <= 16 * 154 * 1.022
