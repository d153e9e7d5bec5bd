"""``distiller_sparsity`` against Distiller's own numbers and exact fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates

from distilspec.reference.contract.errors import RangeError
from distilspec.reference.objectives import distiller_sparsity


def test_the_numbers_are_distillers():
    """AGP-S1, AGP-S2, AGP-S3: printed by its AutomatedGradualPruner for this schedule, to four digits."""
    schedule = {"initial": 0.05, "final": 0.8, "start": 0, "end": 20, "every": 2}

    run = [round(distiller_sparsity(epoch, **schedule), 4) for epoch in range(0, 20, 2)]

    assert run == [0.05, 0.2733, 0.4471, 0.5778, 0.6714, 0.7342, 0.7722, 0.7918, 0.799, 0.8]


@given(st.integers(0, 9), st.integers(2, 40), st.integers(1, 39), st.integers(0, 60))
def test_the_sparsity_is_that_of_the_last_move(start, length, every, epoch):
    """AGP-S1 to AGP-S4: the moves are range(start, end, every), and the last one reaches the final sparsity."""
    every = min(every, length - 1)
    moves = list(range(start, start + length, every))
    past = [move for move in moves if move <= epoch]
    expected = Fraction(0)
    if past:
        done = Fraction(past[-1] - start, moves[-1] - start)
        expected = Fraction(3, 4) + (Fraction(1, 4) - Fraction(3, 4)) * (1 - done) ** 3

    s = distiller_sparsity(epoch, initial=0.25, final=0.75, start=start, end=start + length, every=every)

    assert abs(Fraction(s) - expected) <= 8 * Fraction(2) ** -53  # four roundings of numbers up to 1
    if epoch < start or epoch >= moves[-1]:
        assert s == expected


@pytest.mark.parametrize(
    ("options", "clause"),
    [
        ({"final": 1.1}, "AGP-C1"),
        ({"initial": 0.8}, "AGP-C1"),
        ({"start": 10}, "AGP-C2"),
        ({"every": 0}, "AGP-C3"),
        ({"every": 10}, "AGP-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(options, clause):
    """AGP-C1 to AGP-C3."""
    with violates(RangeError, clause):
        distiller_sparsity(0, **{"initial": 0.0, "final": 0.8, "start": 0, "end": 10, "every": 1, **options})
