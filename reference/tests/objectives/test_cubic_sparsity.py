"""``cubic_sparsity`` against exact fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates

from distilspec.reference.contract.errors import RangeError
from distilspec.reference.objectives import cubic_sparsity

SHARES = st.integers(0, 16).map(lambda k: k / 16)


@given(SHARES, SHARES, st.integers(0, 9), st.integers(1, 40), st.integers(1, 50), st.integers(0, 60))
def test_the_sparsity_is_that_of_the_last_move(initial, final, begin, length, every, step):
    """CUB-S1 to CUB-S4: within four roundings of numbers up to 1, and exactly at both ends."""
    end = begin + length
    times = [t for t in range(begin, min(step, end - 1) + 1) if (t - begin) % every == 0]
    done = Fraction(times[-1] - begin, length) if times else Fraction(0)
    expected = Fraction(final) + (Fraction(initial) - Fraction(final)) * (1 - done) ** 3

    s = cubic_sparsity(step, initial=initial, final=final, begin=begin, end=end, every=every)

    if step < begin:
        assert s == initial
    elif step >= end:
        assert s == final
    else:
        assert abs(Fraction(s) - expected) <= 8 * Fraction(2) ** -53


@given(st.integers(1, 30), st.integers(1, 30))
def test_the_sparsity_never_falls_and_rises_less_and_less(length, every):
    """CUB-S2: a block once pruned stays pruned, and the last moves are the smallest."""
    run = [cubic_sparsity(t, initial=0, final=0.8, begin=0, end=every * length, every=every) for t in range(31)]
    moves = [b - a for a, b in zip(run[::every], run[every::every], strict=False)]

    assert run == sorted(run)
    assert all(later <= earlier + 2.0**-50 for earlier, later in pairwise(moves))


@pytest.mark.parametrize(
    ("options", "clause"),
    [
        ({"final": 1.1}, "CUB-C1"),
        ({"initial": -0.1}, "CUB-C1"),
        ({"final": float("nan")}, "CUB-C1"),
        ({"begin": 10}, "CUB-C2"),
        ({"begin": -1}, "CUB-C2"),
        ({"every": 0}, "CUB-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(options, clause):
    """CUB-C1 to CUB-C3."""
    with violates(RangeError, clause):
        cubic_sparsity(0, **{"initial": 0.0, "final": 0.8, "begin": 0, "end": 10, "every": 1, **options})
