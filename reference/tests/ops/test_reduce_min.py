"""``reduce_min`` against Python's ``min``."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import reduced
from refusal import violates
from strategies import NUMBERS, SHAPES, some_axes, tensors

from distilspec.reference.contract.errors import DTypeError, RangeError
from distilspec.reference.ops import reduce_min


@given(st.data(), tensors(NUMBERS, SHAPES.filter(bool)))
def test_every_element_is_that_of_its_group(data, x):
    """RMIN-S1, RMIN-S3: over no elements too; int64 stays int64; a read-only operand in any layout is left alone."""
    axes = data.draw(some_axes(x.ndim))
    nothing = 2**63 - 1 if x.dtype == np.int64 else np.inf

    y = reduce_min(x, axes=axes)

    assert y.dtype == (np.int64 if x.dtype == np.int64 else np.float64)
    assert not np.shares_memory(y, x)
    groups = reduced(x, axes)
    assert y.size == len(groups)
    for index, group in groups.items():
        assert y[index] == min(group, default=nothing)


def test_reduced_axes_stay_or_vanish():
    """RMIN-S4."""
    x = np.zeros((2, 3, 4))

    assert reduce_min(x, axes=(-1, 0)).shape == (1, 3, 1)
    assert reduce_min(x, axes=(-1, 0), keepdims=False).shape == (3,)
    assert reduce_min(x, axes=(0, 1, 2), keepdims=False).shape == ()


def test_int64_does_not_pass_through_a_float():
    """RMIN-S1: 2**53 and its neighbour are the same float64."""
    assert reduce_min(np.int64([2**53, 2**53 + 1]), axes=(0,)).tolist() == [min(2**53, 2**53 + 1)]


@pytest.mark.filterwarnings("error")
def test_nan_wins_over_infinities():
    """RMIN-S2: wherever it stands, without a warning."""
    x = np.float32([[np.nan, np.inf, -np.inf], [-np.inf, 0, np.nan], [-np.inf, 0, np.inf]])

    assert str(reduce_min(x, axes=(1,), keepdims=False).tolist()) == "[nan, nan, -inf]"


@pytest.mark.parametrize(
    ("x", "axes", "error", "clause"),
    [
        (np.ones((2, 3), np.int8), (0,), DTypeError, "RMIN-C1"),
        (np.ones((2, 3), np.bool_), (0,), DTypeError, "RMIN-C1"),
        (np.ones((2, 3)), (), RangeError, "RMIN-C2"),
        (np.ones((2, 3)), (2,), RangeError, "RMIN-C2"),
        (np.ones((2, 3)), (1, -1), RangeError, "RMIN-C2"),
        (np.array(1.0), (0,), RangeError, "RMIN-C2"),
    ],
)
def test_bad_operands_are_refused(x, axes, error, clause):
    """RMIN-C1, RMIN-C2."""
    with violates(error, clause):
        reduce_min(x, axes=axes)
