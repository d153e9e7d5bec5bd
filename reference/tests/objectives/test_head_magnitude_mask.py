"""``head_magnitude_mask`` against sorted exact sums."""

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
from distilspec.reference.objectives import head_magnitude_mask

EIGHTHS = st.integers(-16, 16).map(lambda k: k / 8)


@st.composite
def cases(draw):
    """Draw the four Linears of eighths, whose sums are exact and often equal, heads and a sparsity."""
    heads, d, hidden = draw(st.integers(1, 5)), draw(st.integers(0, 3)), draw(st.integers(0, 3))
    rows = [draw(hnp.arrays(np.float32, (heads * d, hidden), elements=EIGHTHS)) for _ in range(3)]
    output = draw(hnp.arrays(np.float32, (hidden, heads * d), elements=EIGHTHS))
    return [*rows, output], heads, draw(st.floats(0, 1) | st.sampled_from([0.5, 0.25]))


@given(cases())
def test_the_smallest_heads_are_dropped_in_exactly_the_asked_number(case):
    """HEAD-S1 to HEAD-S5: by exact sum over all four Linears, then by position."""
    (query, key, value, output), heads, sparsity = case
    d = len(query) // heads
    scores = []
    for h in range(heads):
        owned = [weight[i].tolist() for weight in (query, key, value, output.T) for i in range(h * d, (h + 1) * d)]
        scores.append((sum(abs(Fraction(x)) for row in owned for x in row), h))
    pruned = {h for _, h in sorted(scores)[: round_half_even(Fraction(sparsity * heads))]}

    mask = head_magnitude_mask(query, key, value, output, num_heads=heads, sparsity=sparsity)

    assert mask.dtype == np.bool_
    assert mask.tolist() == [h not in pruned for h in range(heads)]


W = np.ones((4, 6))


@pytest.mark.parametrize(
    ("weights", "num_heads", "sparsity", "error", "clause"),
    [
        ((W, W.astype(np.int8), W, W.T), 2, 0.5, DTypeError, "HEAD-C1"),
        ((W, W, W, W.T + np.nan), 2, 0.5, RangeError, "HEAD-C1"),
        ((W[0], W, W, W.T), 2, 0.5, ShapeError, "HEAD-C2"),
        ((W, W, W[:2], W.T), 2, 0.5, ShapeError, "HEAD-C2"),
        ((W, W, W, W), 2, 0.5, ShapeError, "HEAD-C2"),
        ((W, W, W, W.T), 3, 0.5, ShapeError, "HEAD-C3"),
        ((W, W, W, W.T), 0, 0.5, ShapeError, "HEAD-C3"),
        ((W, W, W, W.T), 2, 1.5, RangeError, "HEAD-C4"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(weights, num_heads, sparsity, error, clause):
    """HEAD-C1 to HEAD-C4."""
    with violates(error, clause):
        head_magnitude_mask(*weights, num_heads=num_heads, sparsity=sparsity)
