"""How many elements used how much of their bound."""

from __future__ import annotations

import numpy as np
import pytest

from distilspec.conformance.judge import judge
from distilspec.conformance.result import SHARES, State


def test_elements_are_counted_by_the_share_of_their_bound():
    """One for each edge and one beyond the last; an edge belongs to the elements below it."""
    shares = [0.0, *SHARES[1:], 2.0]
    expected = np.zeros(len(shares))
    got = np.array(shares) * 2.0**-10 * np.array([1, -1, 1, -1, 1, -1, 1])
    judgement = judge(got, expected, np.full(len(shares), 2.0**-10))

    assert judgement.state is State.FAIL
    assert judgement.shares == (1, 1, 1, 1, 1, 1, 1)


def test_shares_count_every_element_that_the_specification_does_not_leave_open():
    """The same infinity uses nothing, another one leaves its bound, an open element is not counted."""
    expected = np.array([np.inf, -np.inf, np.nan, 1.0, 1.0])
    got = np.array([np.inf, np.inf, np.nan, np.nan, 7.0])
    judgement = judge(got, expected, np.array([0.0, 0.0, 0.0, 0.5, np.inf]))

    assert judgement.shares == (2, 0, 0, 0, 0, 0, 2)


def test_codes_are_counted_like_floats():
    """Equal, at the edge of the set, outside it, and different where nothing else is allowed."""
    judgement = judge(np.uint8([3, 4, 9, 5, 200]), np.uint8([3, 3, 3, 6, 0]), np.array([0.0, 1.0, 2.0, 0.0, np.inf]))

    assert judgement.shares == (1, 0, 0, 0, 0, 1, 2)


@pytest.mark.parametrize(("got", "expected"), [(np.float32([1]), np.int8([1])), (np.zeros(3), np.zeros(4))])
def test_what_was_not_compared_is_not_counted(got, expected):
    """Another dtype or shape."""
    assert judge(got, expected, np.zeros(expected.shape)).shares == ()
