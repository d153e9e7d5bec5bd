"""``tinybert_prediction`` against 50-digit arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_numbers import assert_real, log, softmax
from refusal import violates
from strategies import reals

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.objectives import tinybert_prediction

LOGITS = st.floats(-30, 30, width=32)


@st.composite
def cases(draw):
    """Draw the logits of both sides, and a temperature."""
    shape = draw(st.sampled_from([(1, 2), (3, 2), (2, 5)]))
    return draw(reals(shape, LOGITS)), draw(reals(shape, LOGITS)), draw(st.sampled_from([0.5, 1.0, 2.0]))


@pytest.mark.parametrize(("variant", "share"), [("paper", 1), ("code", 0)])
@settings(max_examples=10)
@given(cases())
def test_value_and_gradient_are_the_real_ones(variant, share, case):
    """TBP-S1 to TBP-S4: the paper divides by rows, the code by rows and classes."""
    student, teacher, temperature = case
    n = len(student) if share else student.size

    def expected(student, teacher):
        rows = zip(student, teacher, strict=True)
        return -sum((softmax(t / temperature) * log(softmax(s / temperature))).sum() for s, t in rows) / n

    loss = tinybert_prediction(student, teacher, temperature=temperature, variant=variant)

    assert_real(loss, expected, {"student": student, "teacher": teacher})


X = np.zeros((2, 3))


@pytest.mark.parametrize(
    ("student", "teacher", "options", "error", "clause"),
    [
        (X.astype(np.int64), X, {}, DTypeError, "TBP-C1"),
        (X, X + np.nan, {}, RangeError, "TBP-C1"),
        (X[0], X[0], {}, ShapeError, "TBP-C2"),
        (X, X[:1], {}, ShapeError, "TBP-C2"),
        (X[:0], X[:0], {}, ShapeError, "TBP-C2"),
        (X, X, {"temperature": 0.0}, RangeError, "TBP-C3"),
        (X, X, {"variant": "book"}, RangeError, "TBP-C4"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(student, teacher, options, error, clause):
    """TBP-C1 to TBP-C4."""
    with violates(error, clause):
        tinybert_prediction(student, teacher, **options)
