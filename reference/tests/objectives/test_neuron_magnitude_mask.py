"""``neuron_magnitude_mask`` against sorted exact sums."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import round_half_even
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.objectives import neuron_magnitude_mask

EIGHTHS = st.integers(-16, 16).map(lambda k: k / 8)


@st.composite
def cases(draw):
    """Draw two Linears of eighths, whose sums are exact and often equal, and a sparsity."""
    before, neurons, after = draw(st.integers(0, 3)), draw(st.integers(0, 7)), draw(st.integers(0, 3))
    first = draw(hnp.arrays(np.float32, (neurons, before), elements=EIGHTHS))
    second = draw(hnp.arrays(np.float64, (after, neurons), elements=EIGHTHS))
    return first, second, draw(st.floats(0, 1) | st.sampled_from([0.5, 0.25]))


@given(cases())
def test_the_smallest_neurons_are_dropped_in_exactly_the_asked_number(case):
    """NRN-S1 to NRN-S4: by exact sum of both Linears' magnitudes, then by position."""
    first, second, sparsity = case
    scores = []
    for n, row in enumerate(first.tolist()):
        column = second[:, n].tolist()
        scores.append((sum(abs(Fraction(value)) for value in [*row, *column]), n))
    pruned = {n for _, n in sorted(scores)[: round_half_even(Fraction(sparsity * len(scores)))]}

    mask = neuron_magnitude_mask(first, second, sparsity=sparsity)

    assert mask.dtype == np.bool_
    assert mask.tolist() == [n not in pruned for n in range(len(first))]


def test_a_score_is_rounded_once():
    """NRN-S1: 1 + 2**-53 + 2**-53 is more than 1, in whatever order it is added."""
    small = 2.0**-53
    first = np.array([[1.0, small, small], [1.0, 0.0, 0.0]])

    assert neuron_magnitude_mask(first, np.zeros((0, 2)), sparsity=0.5).tolist() == [True, False]


F, S = np.ones((4, 2)), np.ones((3, 4))


@pytest.mark.parametrize(
    ("first", "second", "sparsity", "error", "clause"),
    [
        (F.astype(np.int8), S, 0.5, DTypeError, "NRN-C1"),
        (F, S + np.inf, 0.5, RangeError, "NRN-C1"),
        (F[0], S, 0.5, ShapeError, "NRN-C2"),
        (F, S.T, 0.5, ShapeError, "NRN-C2"),
        (F, S, -0.5, RangeError, "NRN-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(first, second, sparsity, error, clause):
    """NRN-C1 to NRN-C3."""
    with violates(error, clause):
        neuron_magnitude_mask(first, second, sparsity=sparsity)
