"""``minmax_range`` against Python's own ``min`` and ``max``."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import float32
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import minmax_range


@given(hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=3), elements=st.floats(-1e38, 1e38)))
def test_ends_are_the_smallest_and_largest_value_in_float32(x):
    """OBSM-S1: any shape, rounded to float32."""
    values = [float32(Fraction(value)) for value in x.ravel().tolist()]

    minimum, maximum = minmax_range(x)

    assert (minimum.dtype, maximum.dtype) == (np.float32, np.float32)
    assert (Fraction(float(minimum)), Fraction(float(maximum))) == (min(values), max(values))


@pytest.mark.parametrize(
    ("x", "error", "clause"),
    [
        (np.zeros(3, np.int8), DTypeError, "OBSM-C1"),
        (np.zeros((2, 0), np.float32), ShapeError, "OBSM-C2"),
        (np.float32([0, np.nan]), RangeError, "OBSM-C3"),
        (np.float32([0, np.inf]), RangeError, "OBSM-C3"),
        (np.float64([1e39]), RangeError, "OBSM-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(x, error, clause):
    """OBSM-C1 to OBSM-C3."""
    with violates(error, clause):
        minmax_range(x)
