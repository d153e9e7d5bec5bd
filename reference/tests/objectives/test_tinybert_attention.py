"""``tinybert_attention`` against 50-digit arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_numbers import assert_real
from refusal import violates
from strategies import reals

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.objectives import tinybert_attention

#: Scores, and what an additive mask makes of them; -100 itself counts as masked.
SCORES = st.floats(-30, 30, width=32) | st.sampled_from([-10000.0, -9990.5, -100.0, -99.5])


@st.composite
def cases(draw):
    """Draw the scores of both sides."""
    shape = draw(st.sampled_from([(1, 1, 1, 1), (1, 2, 2, 2), (2, 1, 3, 3)]))
    return draw(reals(shape, SCORES)), draw(reals(shape, SCORES))


@pytest.mark.parametrize("variant", ["paper", "code"])
@settings(max_examples=10)
@given(cases())
def test_value_and_gradient_are_the_real_ones(variant, case):
    """TBA-S1, TBA-S2, TBA-S3: padding stays in the mean; the code takes masked scores for 0 first."""
    student, teacher = case

    def score(value, place):
        return 0 if variant == "code" and place <= -100 else value

    def expected(student, teacher):
        total = 0
        for index in np.ndindex(student.shape):
            total += (score(student[index], case[0][index]) - score(teacher[index], case[1][index])) ** 2
        return total / student.size

    loss = tinybert_attention(student, teacher, variant=variant)

    assert_real(loss, expected, {"student": student, "teacher": teacher})


X = np.zeros((1, 2, 3, 3))


@pytest.mark.parametrize(
    ("student", "teacher", "variant", "error", "clause"),
    [
        (X.astype(np.int64), X, "paper", DTypeError, "TBA-C1"),
        (X - np.inf, X, "paper", RangeError, "TBA-C1"),
        (X[0], X[0], "paper", ShapeError, "TBA-C2"),
        (X, X[:, :1], "paper", ShapeError, "TBA-C2"),
        (X[:0], X[:0], "paper", ShapeError, "TBA-C2"),
        (X, X, "", RangeError, "TBA-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(student, teacher, variant, error, clause):
    """TBA-C1 to TBA-C3."""
    with violates(error, clause):
        tinybert_attention(student, teacher, variant=variant)
