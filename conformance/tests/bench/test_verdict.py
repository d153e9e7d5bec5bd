"""Whether a runtime computes what it should."""

from __future__ import annotations

import numpy as np
import pytest

from distilspec.conformance.bench.verdict import distance, judge
from distilspec.conformance.result import State

EXPECTED = {"y": np.float64([[[3.0, 4.0]], [[0.0, 2.0]]])}


def test_the_distance_is_that_of_the_worst_vector_in_lengths_of_its_own():
    """A vector of length 5 is off by 0.05, one of length 2 by 0.04: the second one is farther."""
    got = {"y": np.float32([[[3.0, 4.05]], [[0.04, 2.0]]])}

    assert distance(EXPECTED, got) == pytest.approx(0.02, rel=1e-6)


def test_rows_of_a_larger_batch_repeat_the_expected_ones():
    """Row 2 is row 0 again, and a runtime that mixes rows up is found."""
    rows = EXPECTED["y"]

    assert distance(EXPECTED, {"y": rows[[0, 1, 0, 1, 0]]}) == 0.0
    assert distance(EXPECTED, {"y": rows[[0, 1, 1, 1]]}) > 0.7


@pytest.mark.parametrize(
    "got",
    [
        {},
        {"z": EXPECTED["y"]},
        {"y": EXPECTED["y"][:, :, :1]},
        {"y": EXPECTED["y"][0]},
        {"y": np.full((2, 1, 2), np.nan)},
        {"y": np.full((2, 1, 2), np.inf)},
    ],
    ids=["nothing", "another output", "another size", "another rank", "NaN", "infinity"],
)
def test_what_cannot_be_compared_is_infinitely_far(got):
    """And never passes."""
    assert distance(EXPECTED, got) == float("inf")


def test_at_the_limit_is_within_it():
    """Beyond it is not."""
    assert judge(0.5, 0.5).state is State.PASS
    assert judge(0.6, 0.5).state is State.FAIL
    assert judge(float("inf"), 0.5).state is State.FAIL
