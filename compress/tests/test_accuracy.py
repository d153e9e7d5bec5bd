"""Intervals are as wide as theory says, and the paired one is narrower."""

from __future__ import annotations

from functools import reduce
from math import sqrt

import numpy as np
import pytest

from distilspec.compress.accuracy import accuracy_of, difference_of, over_seeds

ROWS = 2000


def test_an_accuracy_has_the_interval_of_a_binomial():
    """1.96 standard errors to both sides; a tenth of that is what 9,999 resamples and a grid of 0.05 points leave."""
    correct = np.arange(ROWS) % 5 > 0
    found = accuracy_of(correct)
    half = 196 * sqrt(0.8 * 0.2 / ROWS)

    assert found.points == 80
    assert found.low == pytest.approx(80 - half, abs=half / 10)
    assert found.high == pytest.approx(80 + half, abs=half / 10)


def test_a_difference_is_that_of_the_same_rows():
    """Two models that err on the same rows but ten differ by ten rows, give or take sqrt(10) of them."""
    correct = np.arange(ROWS) % 5 > 0
    other = correct.copy()
    other[1:51:5] = False
    found = difference_of(correct, other)
    half = 196 * sqrt(10) / ROWS

    assert found.points == pytest.approx(0.5)
    assert found.low == pytest.approx(0.5 - half, abs=half / 4)
    assert found.high == pytest.approx(0.5 + half, abs=half / 4)
    assert found == difference_of(correct, other)


def test_equal_answers_have_no_interval():
    """Nothing to draw; no NaN."""
    correct = np.arange(ROWS) % 5 > 0
    assert difference_of(correct, correct) == (0, 0, 0)


def test_with_equal_seeds_only_rows_are_drawn():
    """The interval of a binomial, however many seeds give the same answers; a single seed gives it too."""
    correct = np.arange(ROWS) % 5 > 0
    half = 196 * sqrt(0.8 * 0.2 / ROWS)
    for seeds in (1, 3):
        found = over_seeds(np.tile(correct.astype(float), (seeds, 1)))
        assert found.points == pytest.approx(80)
        assert (found.low, found.high) == pytest.approx((80 - half, 80 + half), abs=half / 10)


def test_with_equal_rows_only_seeds_are_drawn():
    """
    Two of three are drawn, so that the lowest one is drawn twice in a ninth of all cases: more than 2.5 %.

    Seven of eight seeds 0 to 7 have a sum of at most 12 in 2.3 % and of at most 13 in 3.4 % of all cases, which is
    counted by convolution; eight of eight would have ends at 15 and 41 eighths.
    """
    assert over_seeds(np.repeat([[0.0], [0.25], [1.0]], ROWS, axis=1)) == pytest.approx((125 / 3, 0, 100))

    shares = reduce(np.convolve, [np.full(8, 1 / 8)] * 7).cumsum()
    low, high = (int(np.searchsorted(shares, share)) for share in (0.025, 0.975))
    assert (low, high) == (13, 36)
    found = over_seeds(np.repeat(np.arange(8.0)[:, np.newaxis], ROWS, axis=1))
    assert found == pytest.approx((350, 100 * low / 7, 100 * high / 7))


def test_seeds_are_paired_as_rows_are():
    """A student that is right where its own teacher is right has no distance from it, however far apart seeds are."""
    rng = np.random.default_rng(0)
    teacher = (rng.random((3, ROWS)) < [[0.7], [0.8], [0.9]]).astype(float)
    assert over_seeds(teacher - teacher) == (0, 0, 0)
    assert over_seeds(teacher).high - over_seeds(teacher).low > 15


def test_the_interval_holds_what_it_says():
    """
    Of 200 experiments with five seeds that differ by 2 points and rows that differ by 8, 95 % hold the truth or more.

    Fewer than 180 would be less than 90 % with a chance of 1 in 400 at 95 %; rows alone hold it in about half.
    """
    rng = np.random.default_rng(1)
    held = of_rows = 0
    for _ in range(200):
        figures = 2 * rng.standard_normal((5, 1)) + 8 * rng.standard_normal(100) + rng.standard_normal((5, 100))
        found = over_seeds(figures / 100)
        held += found.low <= 0 <= found.high
        alone = over_seeds(figures.mean(axis=0, keepdims=True) / 100)
        of_rows += alone.low <= 0 <= alone.high
    assert held >= 180
    assert of_rows < held
