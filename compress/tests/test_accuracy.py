"""Intervals are as wide as theory says, and the paired one is narrower."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from distilspec.compress.accuracy import accuracy_of, difference_of

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
