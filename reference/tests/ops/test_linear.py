"""``linear`` against exact rational sums."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import dot
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from distilspec.reference.contract.errors import DTypeError, ShapeError
from distilspec.reference.ops import linear

FLOATS = st.floats(-(2.0**20), 2.0**20, width=32)


@st.composite
def operands(draw):
    """Draw x, weight and bias whose dimensions include 0, 1 and a prime."""
    rows, in_features, out_features = (draw(st.sampled_from([0, 1, 2, 7])) for _ in range(3))
    array = lambda *shape: draw(hnp.arrays(np.float32, shape, elements=FLOATS))  # noqa: E731
    return array(rows, in_features), array(out_features, in_features), array(out_features)


@given(operands())
def test_result_is_the_exact_sum_up_to_float64_rounding(case):
    """
    LIN-S1, LIN-S2: the float64 evaluation is within its own summation bound of the exact rational sum.

    gamma(n) with u = 2**-53 and n = in_features + 2 roundings per element (Higham, section 3.1).
    """
    x, weight, bias = case

    y = linear(x, weight, bias)

    n = x.shape[1] + 2
    gamma = Fraction(n, 2**53) / (1 - Fraction(n, 2**53))
    for row, column in np.ndindex(y.shape):
        exact = dot(x[row].tolist(), weight[column].tolist()) + Fraction(float(bias[column]))
        size = dot(np.abs(x[row]).tolist(), np.abs(weight[column]).tolist()) + abs(Fraction(float(bias[column])))
        assert abs(Fraction(float(y[row, column])) - exact) <= gamma * size


def test_bias_is_added_once_per_output():
    """LIN-S2: with in_features = 0 the result is the bias alone."""
    y = linear(np.zeros((2, 0), np.float32), np.zeros((3, 0), np.float32), np.float32([1, 2, 3]))

    assert y.tolist() == [[1, 2, 3], [1, 2, 3]]


def test_read_only_and_strided_operands_are_left_alone():
    """LIN-S1: operands may be read-only views with any strides, and are not written."""
    x = np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::-2]
    x.flags.writeable = False
    weight = np.float32([[1, 2], [3, 4]]).T

    assert linear(x, weight).tolist() == [[3 + 3, 6 + 4], [7 + 15, 14 + 20], [11 + 27, 22 + 36]]


@pytest.mark.parametrize(
    ("weight", "bias", "error", "clause"),
    [
        (np.zeros((2, 4), np.float32), None, ShapeError, "LIN-C1"),
        (np.zeros((2, 3), np.float32), np.zeros(3, np.float32), ShapeError, "LIN-C2"),
        (np.zeros((2, 3), np.int8), None, DTypeError, "LIN-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(weight, bias, error, clause):
    """LIN-C1 to LIN-C3."""
    with pytest.raises(error, match=clause) as caught:
        linear(np.zeros((1, 3), np.float32), weight, bias)

    assert "\n" not in str(caught.value)


def test_a_number_without_an_axis_is_refused():
    """LIN-C1: there is no last axis to sum over."""
    with pytest.raises(ShapeError, match=r"x has shape \(\); expected at least 1 axis because .* \[LIN-C1\]"):
        linear(np.ones((), np.float32), np.ones((2, 1), np.float32))
