"""``cross_entropy`` against 50-digit arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_numbers import assert_real, log, softmax
from refusal import violates
from strategies import reals

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.objectives import cross_entropy


@st.composite
def cases(draw):
    """Draw logits and labels, of which at least one takes part."""
    rows, classes = draw(st.sampled_from([1, 2, 3])), draw(st.sampled_from([1, 2, 5]))
    labels = draw(st.lists(st.integers(0, classes - 1) | st.just(-100), min_size=rows, max_size=rows))
    labels[draw(st.integers(0, rows - 1))] = draw(st.integers(0, classes - 1))
    return draw(reals((rows, classes), st.floats(-30, 30, width=32))), np.array(labels)


@settings(max_examples=20)
@given(cases())
def test_value_and_gradient_are_the_real_ones(case):
    """XE-S1, XE-S2, XE-S3: over the rows that take part, derivatives by central differences."""
    logits, labels = case
    kept = [row for row, label in enumerate(labels) if label != -100]

    def expected(logits):
        return -sum(log(softmax(logits[row])[labels[row]]) for row in kept) / len(kept)

    loss = cross_entropy(logits, labels)

    assert_real(loss, expected, {"logits": logits})
    assert not loss.gradients["logits"][labels == -100].any()


X = np.zeros((2, 3))
Y = np.array([0, 2])


@pytest.mark.parametrize(
    ("logits", "labels", "error", "clause"),
    [
        (X.astype(np.int64), Y, DTypeError, "XE-C1"),
        (X + np.inf, Y, RangeError, "XE-C1"),
        (X[0], Y, ShapeError, "XE-C2"),
        (X[:, :0], Y, ShapeError, "XE-C2"),
        (X, Y.astype(np.int32), DTypeError, "XE-C3"),
        (X, Y[:1], ShapeError, "XE-C3"),
        (X, Y + 1, RangeError, "XE-C3"),
        (X, Y - 1, RangeError, "XE-C3"),
        (X, np.array([-100, -100]), RangeError, "XE-C4"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(logits, labels, error, clause):
    """XE-C1 to XE-C4."""
    with violates(error, clause):
        cross_entropy(logits, labels)
