"""``distilbert_cosine`` against 50-digit arithmetic."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_numbers import assert_real
from refusal import violates
from strategies import reals

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.objectives import distilbert_cosine

#: Zero, or long enough that the slope of an angle, which grows as a vector shrinks, stays below 1e4.
STATES = st.just(0.0) | st.floats(0.125, 30, width=32) | st.floats(-30, -0.125, width=32)


@st.composite
def cases(draw):
    """Draw the states of both sides; float32, so that no drawn pair of halves cancels to a tiny number."""
    shape = draw(st.sampled_from([(1, 1), (2, 3), (3, 2)]))
    state = reals(shape, STATES).map(np.float32)
    return draw(state), draw(state)


@settings(max_examples=20)
@given(cases())
def test_value_and_gradient_are_the_real_ones(case):
    """COS-S1 to COS-S4: 1e-12 is added to each squared length, under one root."""
    student, teacher = case
    small = mp.mpf(1e-12)

    def expected(student, teacher):
        cosines = []
        for s, t in zip(student, teacher, strict=True):
            lengths = mp.sqrt(((s * s).sum() + small) * ((t * t).sum() + small))
            cosines.append((s * t).sum() / lengths)
        return 1 - sum(cosines) / len(cosines)

    assert_real(distilbert_cosine(student, teacher), expected, {"student": student, "teacher": teacher})


X = np.zeros((2, 3))


@pytest.mark.parametrize(
    ("student", "teacher", "error", "clause"),
    [
        (X.astype(np.int64), X, DTypeError, "COS-C1"),
        (X, X + np.nan, RangeError, "COS-C1"),
        (X[0], X[0], ShapeError, "COS-C2"),
        (X, X[:1], ShapeError, "COS-C2"),
        (X[:0], X[:0], ShapeError, "COS-C2"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(student, teacher, error, clause):
    """COS-C1, COS-C2."""
    with violates(error, clause):
        distilbert_cosine(student, teacher)
