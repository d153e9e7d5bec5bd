"""Weights in fours that fit 16 bits: no four beyond the limit, and together the weight that was given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from distilspec.fast.kernels.fours import DOT, WINDOW, in_limited_fours

LIMIT, ROWS = 128, 4

#: Weights of the full range, the ends often.
CODES = st.one_of(st.sampled_from([-128, -127, -64, 0, 64, 127]), st.integers(-128, 127))

#: Any weights, all the same, or of alternating signs.
weights = st.tuples(st.integers(1, 2), st.integers(1, 9)).flatmap(
    lambda size: st.one_of(
        hnp.arrays(np.int8, (ROWS * size[0], DOT * size[1]), elements=CODES),
        CODES.map(lambda code: np.full((ROWS * size[0], DOT * size[1]), code, np.int8)),
        CODES.map(lambda code: np.tile(np.int8([code, -max(code, -127)]), (ROWS * size[0], DOT * size[1] // 2))),
    )
)


def most_of_one_sign(steps):
    """Return the largest sum of weights of one sign in a four of steps [even, DOT], in Python's integers."""
    most = 0
    for first, second in zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True):
        for pair in (slice(0, 2), slice(2, 4)):
            four = first[pair] + second[pair]
            most = max(most, sum(w for w in four if w > 0), -sum(w for w in four if w < 0))
    return most


def of_feature(fours, feature):
    """Return the weights of a feature step by step, first those of its panel and then the extra ones, and the steps."""
    panel, row = divmod(feature, ROWS)
    extra = slice(fours.extra_starts[feature], fours.extra_starts[feature + 1])
    return (
        (fours.weights[panel, :, row], fours.steps[panel]),
        (fours.extra_weights[extra], fours.extra_steps[extra]),
    )  # fmt: skip


@given(weight=weights)
def test_fours_add_up_to_the_weight_that_was_given(weight):
    """By step, however many parts a weight is in; none is in a step that does not exist."""
    fours = in_limited_fours(weight, ROWS, LIMIT)

    assert fours.extra_starts[-1] == len(fours.extra_weights)
    for feature, row in enumerate(weight):
        together = np.zeros((len(row) // DOT, DOT), int)
        for steps, places in of_feature(fours, feature):
            assert len(steps) == len(places)
            assert len(steps) % 2 == 0
            assert most_of_one_sign(steps) <= LIMIT
            np.add.at(together, places, steps)
        np.testing.assert_array_equal(together.reshape(-1), row)


def test_what_is_within_the_limit_stays():
    """Of 129 in a four one is taken, from a step whose weights are the larger ones; opposite signs never add up."""
    weight = np.zeros((ROWS, 2 * DOT), np.int8)
    weight[0] = [30, 30, -128, 0, 60, 9, 127, 1]
    weight[1] = [0, 0, 30, 30, -128, 0, 60, 8]

    fours = in_limited_fours(weight, ROWS, LIMIT)

    (kept, places), (extra, taken_from) = of_feature(fours, 0)
    assert kept[places.tolist().index(1)].tolist() == [60, 8, 127, 1]
    assert extra[extra.any(axis=1)].tolist() == [[0, 1, 0, 0]]
    assert taken_from[extra.any(axis=1)].tolist() == [1]
    assert not of_feature(fours, 1)[1][0].any()


@pytest.mark.parametrize("steps", [WINDOW, 2 * WINDOW + 9, 192])
def test_nearly_all_ordinary_steps_find_a_partner(steps):
    """Normal weights as large as those of trained models, of which any two steps are often too much together."""
    seed = np.random.default_rng(0)
    weight = np.clip(np.rint(seed.standard_normal((8 * ROWS, DOT * steps)) * 36), -127, 127).astype(np.int8)

    fours = in_limited_fours(weight, ROWS, LIMIT)

    # without exchanges 3.0 % or more, with partners as they come 12 %
    assert len(fours.extra_weights) < 0.028 * len(weight) * steps
    for start in range(0, steps, WINDOW):
        window = fours.steps[:, start : start + WINDOW]
        assert np.all((window >= start) & (window < start + WINDOW) | (window == 0)), "far from each other"
