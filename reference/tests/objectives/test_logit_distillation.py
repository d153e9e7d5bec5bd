"""``logit_distillation`` against 50-digit arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_numbers import assert_real, log, softmax
from refusal import violates
from strategies import reals

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.objectives import logit_distillation

LOGITS = st.floats(-30, 30, width=32)


@st.composite
def cases(draw):
    """Draw the logits of both sides, and a temperature."""
    shape = draw(st.sampled_from([(1, 1), (1, 2), (3, 2), (2, 5)]))
    return draw(reals(shape, LOGITS)), draw(reals(shape, LOGITS)), draw(st.sampled_from([0.5, 1.0, 2.0, 7.25]))


@settings(max_examples=20)
@given(cases())
def test_value_and_gradient_are_the_real_ones(case):
    """KD-S1, KD-S2, KD-S3: a mean over rows, not over classes; derivatives by central differences."""
    student, teacher, temperature = case

    def expected(student, teacher):
        total = 0
        for s, t in zip(student, teacher, strict=True):
            p, q = softmax(t / temperature), softmax(s / temperature)
            total += (p * (log(p) - log(q))).sum()
        return temperature**2 * total / len(teacher)

    loss = logit_distillation(student, teacher, temperature=temperature)

    assert_real(loss, expected, {"student": student, "teacher": teacher})


def test_a_vanished_probability_of_the_teacher_adds_nothing():
    """KD-S2: p = 0 and log p = -1000 times it is 0, not NaN."""
    loss = logit_distillation(np.zeros((1, 2)), np.array([[0.0, -1000.0]]), temperature=1.0)

    assert loss.value == pytest.approx(np.log(2), rel=2.0**-50)  # one logarithm, which is correct to an ulp or two


X = np.zeros((2, 3))


@pytest.mark.parametrize(
    ("student", "teacher", "temperature", "error", "clause"),
    [
        (X.astype(np.int64), X, 1.0, DTypeError, "KD-C1"),
        (X, X + np.nan, 1.0, RangeError, "KD-C1"),
        (X[0], X[0], 1.0, ShapeError, "KD-C2"),
        (X, X[:1], 1.0, ShapeError, "KD-C2"),
        (X[:0], X[:0], 1.0, ShapeError, "KD-C2"),
        (X, X, 0.0, RangeError, "KD-C3"),
        (X, X, float("inf"), RangeError, "KD-C3"),
        (X, X, float("nan"), RangeError, "KD-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(student, teacher, temperature, error, clause):
    """KD-C1 to KD-C3."""
    with violates(error, clause):
        logit_distillation(student, teacher, temperature=temperature)
