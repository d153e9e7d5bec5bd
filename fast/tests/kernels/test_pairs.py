"""Weights in pairs that do not saturate: no pair beyond the limit, and together the weight that was given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from distilspec.fast.kernels.pairs import in_limited_pairs, limited

LIMIT = 128

#: Weights of the full range, the ends often.
CODES = st.one_of(st.sampled_from([-128, -127, -64, 0, 64, 127]), st.integers(-128, 127))
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


@given(rows=weights, odd=st.booleans())
def test_columns_in_pairs_are_the_columns_that_were_given(rows, odd):
    """By place, whatever the order and however many they became; their number is even."""
    rows = rows[:, odd:]
    columns = np.arange(rows.shape[1]) * 3

    ((kept, places),) = in_limited_pairs([rows], [columns], LIMIT)

    assert most_of_one_sign(kept) <= LIMIT
    assert kept.shape == (4, len(places))
    assert len(places) % 2 == 0
    together = np.zeros((4, 3 * rows.shape[1]), int)
    np.add.at(together, (slice(None), places), kept)
    np.testing.assert_array_equal(together[:, ::3], rows)
    assert not together[:, 1::3].any()


@pytest.mark.parametrize("size", [2, 3, 154])
def test_nearly_all_ordinary_columns_find_a_partner(size):
    """Normal weights, of which many a pair taken as it comes would be too much."""
    seed = np.random.default_rng(0)
    rows = np.clip(np.rint(seed.standard_normal((4, size)) * 45), -127, 127).astype(np.int8)
    _, as_they_come = limited_pairs(rows[:, : size // 2 * 2])
    assert size < 100 or np.any(as_they_come, axis=0).sum() > size / 40

    ((kept, _),) = in_limited_pairs([rows], [np.arange(size)], LIMIT)

    assert kept.shape[1] <= size + size % 2 + size // 50
