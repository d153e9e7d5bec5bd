"""``reshape`` against the order of a plain loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import indices
from refusal import violates
from strategies import ANY_TYPE, tensors

from distilspec.reference.contract.errors import RangeError, ShapeError
from distilspec.reference.ops import reshape


@st.composite
def factorings(draw, size):
    """Draw a shape with the product ``size``."""
    if size == 0:
        return tuple(draw(st.permutations([0, *draw(st.lists(st.integers(0, 7), max_size=2))])))
    shape = []
    while size > 1:
        shape.append(draw(st.sampled_from([factor for factor in range(2, size + 1) if size % factor == 0])))
        size //= shape[-1]
    return tuple(draw(st.permutations([*shape, *draw(st.lists(st.just(1), max_size=2))])))


@given(st.data(), tensors(ANY_TYPE))
def test_elements_keep_their_order(data, x):
    """RESH-S1, RESH-S3: the last axis is the fastest, whatever the memory layout; the result is fresh memory."""
    shape = data.draw(factorings(x.size))

    y = reshape(x, shape=shape)

    assert y.dtype == x.dtype
    assert y.shape == shape
    assert not np.shares_memory(y, x)
    assert [y[index] for index in indices(shape)] == [x[index] for index in indices(x.shape)]


@given(st.data(), tensors(ANY_TYPE))
def test_minus_one_stands_for_the_size_that_remains(data, x):
    """RESH-S2: as long as the other sizes are positive."""
    shape = data.draw(factorings(x.size).filter(bool))
    place = data.draw(st.integers(0, len(shape) - 1))
    others = shape[:place] + shape[place + 1 :]
    asked = (*shape[:place], -1, *shape[place + 1 :])

    if math.prod(others) == 0:
        with violates(ShapeError, "RESH-C2"):
            reshape(x, shape=asked)
    else:
        assert reshape(x, shape=asked).shape == shape


def test_zero_is_a_size_and_copies_nothing():
    """RESH-S3: the default of ONNX would keep the 2."""
    assert reshape(np.zeros((2, 0)), shape=(0, 5)).shape == (0, 5)
    with violates(ShapeError, "RESH-C2"):
        reshape(np.zeros((2, 3)), shape=(0, 3))


@pytest.mark.parametrize(
    ("shape", "error", "clause"),
    [
        ((-1, -1), RangeError, "RESH-C1"),
        ((-2, 3), RangeError, "RESH-C1"),
        ((2, 2), ShapeError, "RESH-C2"),
        ((), ShapeError, "RESH-C2"),
        ((4, -1), ShapeError, "RESH-C2"),
        ((0, -1), ShapeError, "RESH-C2"),
    ],
)
def test_impossible_shapes_are_refused(shape, error, clause):
    """RESH-C1, RESH-C2."""
    with violates(error, clause):
        reshape(np.zeros((2, 3)), shape=shape)
