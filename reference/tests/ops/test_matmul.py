"""``matmul`` against exact rational sums."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import dot
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates
from strategies import reals

from distilspec.reference.contract.errors import DTypeError, ShapeError
from distilspec.reference.ops import matmul

FLOATS = st.floats(-(2.0**20), 2.0**20, width=32)
SHAPES = hnp.mutually_broadcastable_shapes(
    signature="(rows,inner),(inner,columns)->(rows,columns)", max_dims=2, min_side=0, max_side=3
)


@st.composite
def operands(draw):
    """Draw two stacks of matrices that fit together, and the shape of their product."""
    (a, b), result = draw(SHAPES)
    return draw(reals(a, FLOATS)), draw(reals(b, FLOATS)), result


def matrix_at(stack, leading):
    """Return the matrix that a position in the leading axes of the product means in one operand, as lists."""
    own = leading[len(leading) - (stack.ndim - 2) :]
    return stack[tuple(0 if size == 1 else at for size, at in zip(stack.shape[:-2], own, strict=True))].tolist()


@given(operands())
def test_result_is_the_exact_sum_up_to_float64_rounding(case):
    """
    MM-S1, MM-S2: every element is within the summation bound of the exact rational sum.

    gamma(inner) with u = 2**-53: one product and at most inner - 1 additions a term (Higham, section 3.1).
    """
    a, b, shape = case

    y = matmul(a, b)

    assert y.shape == shape
    assert y.dtype == np.float64
    inner = a.shape[-1]
    gamma = Fraction(inner, 2**53) / (1 - Fraction(inner, 2**53))
    for *leading, row, column in np.ndindex(shape):
        left = matrix_at(a, leading)[row]
        right = [values[column] for values in matrix_at(b, leading)]
        size = dot(map(abs, left), map(abs, right))
        assert abs(Fraction(float(y[(*leading, row, column)])) - dot(left, right)) <= gamma * size


def test_a_single_axis_of_a_prime_size_is_summed_exactly():
    """MM-S1: seven products of float32 that need all 53 bits."""
    a = np.float32([[2**24 - 1] * 7])

    assert matmul(a, a.T).tolist() == [[7 * (2**24 - 1) ** 2]]


@pytest.mark.parametrize(("a", "b", "result"), [((3,), (2, 1), (2, 3)), ((), (2, 3), (2, 3)), ((1, 0), (5, 1), (5, 0))])
def test_leading_axes_are_repeated_from_the_right(a, b, result):
    """MM-S2: sizes 1 and absent axes follow the other operand, and a size 0 stays."""
    assert matmul(np.ones((*a, 2, 4)), np.ones((*b, 4, 3))).shape == (*result, 2, 3)
    assert matmul(np.ones((*b, 2, 4)), np.ones((*a, 4, 3))).shape == (*result, 2, 3)


@pytest.mark.filterwarnings("error")
def test_nan_and_infinities_stay_in_their_row():
    """MM-S1: IEEE 754 sums and products, without a warning."""
    y = matmul(np.array([[np.inf, 1.0], [np.nan, 0.0], [1.0, 2.0]]), np.array([[1.0, 0.0], [1.0, 1.0]]))

    assert np.array_equal(y, [[np.inf, np.nan], [np.nan, np.nan], [3, 2]], equal_nan=True)


def test_an_empty_sum_is_zero():
    """MM-S1: inner = 0."""
    assert matmul(np.ones((2, 0)), np.ones((0, 3))).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_read_only_strided_operands_are_left_alone():
    """MM-S1: operands may be read-only views with any strides."""
    a = np.arange(8.0).reshape(2, 4)[::-1, ::-2]
    a.flags.writeable = False
    b = np.float32([[1, 2], [3, 4]]).T

    assert matmul(a, b).tolist() == [[7 + 10, 21 + 20], [3 + 2, 9 + 4]]


@pytest.mark.parametrize(
    ("a", "b", "error", "clause"),
    [
        (np.ones((2, 3), np.int8), np.ones((3, 2)), DTypeError, "MM-C1"),
        (np.ones((2, 3)), np.ones((3, 2), np.int64), DTypeError, "MM-C1"),
        (np.ones(3), np.ones((3, 2)), ShapeError, "MM-C2"),
        (np.ones((2, 3)), np.ones(3), ShapeError, "MM-C2"),
        (np.ones((2, 3)), np.ones((2, 3)), ShapeError, "MM-C3"),
        (np.ones((2, 1)), np.ones((3, 2)), ShapeError, "MM-C3"),
        (np.ones((2, 2, 3)), np.ones((3, 3, 2)), ShapeError, "MM-C4"),
        (np.ones((4, 1, 2, 3)), np.ones((2, 5, 3, 2)), ShapeError, "MM-C4"),
        (np.ones((0, 2, 3)), np.ones((2, 3, 2)), ShapeError, "MM-C4"),
    ],
)
def test_bad_operands_are_refused(a, b, error, clause):
    """MM-C1, MM-C2, MM-C3, MM-C4."""
    with violates(error, clause):
        matmul(a, b)
