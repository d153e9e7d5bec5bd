"""``tinybert_hidden`` against 50-digit arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_numbers import assert_real
from refusal import violates
from strategies import reals

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.objectives import tinybert_hidden

STATES = st.floats(-30, 30, width=32)


@st.composite
def cases(draw):
    """Draw states of both sides, with a projection, one without bias, or none."""
    tokens, small, large = draw(st.sampled_from([(1, 1, 1), (2, 3, 2), (3, 2, 3)]))
    form = draw(st.sampled_from(["none", "weight", "weight and bias"]))
    operands = {
        "student": draw(reals((tokens, large if form == "none" else small), STATES)),
        "teacher": draw(reals((tokens, large), STATES)),
    }
    if form != "none":
        operands["weight"] = draw(reals((large, small), STATES))
    if form == "weight and bias":
        operands["bias"] = draw(reals((large,), STATES))
    return operands


@settings(max_examples=20)
@given(cases())
def test_value_and_gradients_are_the_real_ones(operands):
    """TBH-S1, TBH-S2, TBH-S3: by plain sums, with respect to the student and to the projection."""

    def expected(student, teacher, weight=None, bias=None):
        total = 0
        for row, col in np.ndindex(teacher.shape):
            x = student[row, col] if weight is None else (student[row] * weight[col]).sum()
            total += (x + (0 if bias is None else bias[col]) - teacher[row, col]) ** 2
        return total / teacher.size

    loss = tinybert_hidden(**operands)

    assert set(loss.gradients) == set(operands) - {"teacher"}
    assert_real(loss, expected, operands)


S, T, W, B = np.zeros((2, 3)), np.zeros((2, 4)), np.zeros((4, 3)), np.zeros(4)


@pytest.mark.parametrize(
    ("operands", "error", "clause"),
    [
        ((S.astype(np.int8), T, W), DTypeError, "TBH-C1"),
        ((S, T, W.astype(np.int8)), DTypeError, "TBH-C1"),
        ((S, T, W + np.nan), RangeError, "TBH-C1"),
        ((S, T + np.inf, W), RangeError, "TBH-C1"),
        ((S[0], T, W), ShapeError, "TBH-C2"),
        ((S, T[:1], W), ShapeError, "TBH-C2"),
        ((S[:0], T[:0], W), ShapeError, "TBH-C2"),
        ((S, T[:, :0], W[:0]), ShapeError, "TBH-C2"),
        ((S, T), ShapeError, "TBH-C3"),
        ((S, T, W.T), ShapeError, "TBH-C3"),
        ((S, T, W, B[:1]), ShapeError, "TBH-C4"),
        ((T, T, None, B), ShapeError, "TBH-C4"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(operands, error, clause):
    """TBH-C1 to TBH-C4."""
    with violates(error, clause):
        tinybert_hidden(*operands)
