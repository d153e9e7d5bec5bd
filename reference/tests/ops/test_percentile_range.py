"""``percentile_range`` against exact rational interpolation."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from exact import float32
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import minmax_range, percentile_range

TENSORS = hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e30, 1e30) | st.integers(-5, 5))
PERCENTILES = st.floats(50, 100, exclude_min=True) | st.sampled_from([75.0, 90.0, 99.9, 99.999])


def interpolated(ordered, percentile):
    """Return the exact value at the share 1 - percentile / 100 of the way along an ordered list."""
    position = (100 - Fraction(percentile)) / 100 * (len(ordered) - 1)
    k = math.floor(position)
    following = ordered[min(k + 1, len(ordered) - 1)]
    return ordered[k] + (position - k) * (following - ordered[k])


@given(TENSORS, PERCENTILES)
def test_ends_are_interpolated_between_ordered_values(x, percentile):
    """OBSP-S1 to OBSP-S4: within a float32 rounding, and 2**-50 of the largest magnitude for float64."""
    ordered = sorted(float32(Fraction(value)) for value in x.tolist())
    slack = Fraction(len(x), 2**50) * max(map(abs, ordered))

    for got, exact in zip(
        percentile_range(x, percentile=percentile),
        (interpolated(ordered, percentile), interpolated(ordered[::-1], percentile)),
        strict=True,
    ):
        assert got.dtype == np.float32
        assert float32(exact - slack) <= Fraction(float(got)) <= float32(exact + slack)


@given(TENSORS, PERCENTILES)
def test_the_two_sides_are_mirror_images(x, percentile):
    """OBSP-S4: the range of -x is the range of x, turned around, bit for bit."""
    minimum, maximum = percentile_range(x, percentile=percentile)

    assert percentile_range(-x, percentile=percentile) == (-maximum, -minimum)


@given(TENSORS)
def test_the_hundredth_percentile_is_minmax(x):
    """OBSP-S2, OBSP-S3: nothing is left out."""
    assert percentile_range(x, percentile=100) == minmax_range(x)


def test_the_negative_side_is_kept():
    """OBSP-S1, OBSP-S4: microsoft/onnxruntime#10571 is what happens without signs."""
    x = np.linspace(-100, 1, 102, dtype=np.float32)

    minimum, maximum = percentile_range(x, percentile=99)

    assert minimum == pytest.approx(-98.99, abs=1e-5)
    assert maximum == pytest.approx(-0.01, abs=1e-5)


def test_numpy_agrees():
    """OBSP-S2, OBSP-S3: its ``linear`` method, as a second opinion."""
    x = np.random.default_rng(0).normal(size=1000)

    ours = percentile_range(x, percentile=99)

    assert np.allclose(ours, np.percentile(x, [1, 99], method="linear"), rtol=2e-7, atol=0)


X = np.zeros(3, np.float32)


@pytest.mark.parametrize(
    ("x", "percentile", "error", "clause"),
    [
        (np.zeros(3, np.int8), 99, DTypeError, "OBSP-C1"),
        (np.zeros((2, 0), np.float32), 99, ShapeError, "OBSP-C2"),
        (np.float32([0, np.nan]), 99, RangeError, "OBSP-C3"),
        (np.float64([1e39]), 99, RangeError, "OBSP-C3"),
        (X, 50, RangeError, "OBSP-C4"),
        (X, 100.5, RangeError, "OBSP-C4"),
        (X, float("nan"), RangeError, "OBSP-C4"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(x, percentile, error, clause):
    """OBSP-C1 to OBSP-C4."""
    with violates(error, clause):
        percentile_range(x, percentile=percentile)
