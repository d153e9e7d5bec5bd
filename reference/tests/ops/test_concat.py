"""``concat`` against Python lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import indices
from refusal import violates
from strategies import ANY_TYPE, SIZES, arrays

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import concat


@st.composite
def rows(draw):
    """Draw one to three tensors that differ in size on one axis only, and this axis."""
    dtype, shape = draw(ANY_TYPE), draw(st.lists(SIZES, min_size=1, max_size=3))
    axis = draw(st.integers(0, len(shape) - 1))
    sizes = draw(st.lists(SIZES, min_size=1, max_size=3))
    return [draw(arrays(dtype, (*shape[:axis], size, *shape[axis + 1 :]))) for size in sizes], axis


@given(rows(), st.booleans())
def test_tensors_follow_one_another(case, from_the_last):
    """CAT-S1: the dtype is kept, in fresh memory; read-only operands in any layout are left alone."""
    tensors, axis = case
    rank = tensors[0].ndim

    y = concat(*tensors, axis=axis - rank * from_the_last)

    assert y.dtype == tensors[0].dtype
    assert y.shape[axis] == sum(tensor.shape[axis] for tensor in tensors)
    assert y.size == sum(tensor.size for tensor in tensors)
    assert not any(np.shares_memory(y, tensor) for tensor in tensors)
    start = 0
    for tensor in tensors:
        for index in indices(tensor.shape):
            place = (*index[:axis], start + index[axis], *index[axis + 1 :])
            assert y[place] == tensor[index]
        start += tensor.shape[axis]


def test_special_values_are_kept():
    """CAT-S1: NaN, infinities and the sign of zero."""
    y = concat(np.float32([np.nan, -0.0]), np.float32([-np.inf]), axis=0)

    assert str(y.tolist()) == "[nan, -0.0, -inf]"


def test_float32_meets_float64_in_float64():
    """CAT-C2: floats of both widths join."""
    y = concat(np.float32([0.1]), np.array([0.1]), axis=0)

    assert y.dtype == np.float64
    assert y.tolist() == [float(np.float32(0.1)), 0.1]


@pytest.mark.parametrize(
    ("tensors", "axis", "error", "clause"),
    [
        ([], 0, ShapeError, "CAT-C1"),
        ([np.ones(2), np.ones(2, np.int64)], 0, DTypeError, "CAT-C2"),
        ([np.ones(2, np.float16)], 0, DTypeError, "CAT-C2"),
        ([np.ones((2, 2))], 2, RangeError, "CAT-C3"),
        ([np.ones((2, 2))], -3, RangeError, "CAT-C3"),
        ([np.array(1.0), np.array(2.0)], 0, RangeError, "CAT-C3"),
        ([np.ones((2, 2)), np.ones((3, 2))], 1, ShapeError, "CAT-C4"),
        ([np.ones((2, 2)), np.ones(2)], 0, ShapeError, "CAT-C4"),
    ],
)
def test_bad_operands_are_refused(tensors, axis, error, clause):
    """CAT-C1 to CAT-C4."""
    with violates(error, clause):
        concat(*tensors, axis=axis)
