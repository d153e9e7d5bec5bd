"""``softmax`` against 50-digit arithmetic."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates
from strategies import SIZES, reals

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import softmax

RUBBISH = st.sampled_from([np.nan, np.inf, -np.inf, 3e38])


@st.composite
def operands(draw):
    """Draw x, a mask that may broadcast or be absent, and an axis; x holds rubbish wherever it is masked."""
    shape = tuple(draw(st.lists(SIZES, min_size=1, max_size=3)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    x = draw(reals(shape, st.floats(-1000, 1000, width=32)))
    if draw(st.booleans()):
        return x, None, axis
    sizes = [draw(st.sampled_from([size, 1])) for size in shape]
    mask = draw(hnp.arrays(np.bool_, tuple(sizes[draw(st.integers(0, len(sizes))) :])))
    rubbish = draw(hnp.arrays(np.float32, shape, elements=RUBBISH))
    return np.where(np.broadcast_to(mask, shape), x, rubbish), mask, axis


@pytest.mark.filterwarnings("error")
@given(operands())
def test_kept_entries_are_the_real_value_and_masked_ones_exactly_zero(case):
    """
    SM-S1, SM-S2, SM-S3, SM-S4, SM-S5: along any axis, with any mask, whatever is masked.

    With u = 2**-53 and t = largest - x: the difference rounds once, which moves e by t * u, and exp adds 4 ulp. The n
    terms of the sum are off by at most (1 / e + 8) * u each, relative to a sum that is at least 1, and adding them by
    (n - 1) * u. One rounding is the division's.
    """
    x, mask, axis = case

    y = softmax(x, mask, axis=axis)

    assert y.shape == x.shape
    assert y.dtype == np.float64
    n = x.shape[axis]
    kept = np.ones(x.shape, np.bool_) if mask is None else np.broadcast_to(mask, x.shape)
    rows = [np.moveaxis(array, axis, -1).reshape(-1, n).tolist() if array.size else [] for array in (x, kept, y)]
    with mp.workdps(50):
        for row, keep, got in zip(*rows, strict=True):
            entries = [mp.mpf(v) if k else None for v, k in zip(row, keep, strict=True)]
            total = mp.fsum(mp.exp(v) for v in entries if v is not None)
            for entry, value in zip(entries, got, strict=True):
                if entry is None:
                    assert value == 0
                    continue
                t = max(v for v in entries if v is not None) - entry
                exact = mp.exp(entry) / total
                bound = (t + 2 * n + 16) * mp.mpf(2) ** -53 * exact + mp.mpf(2) ** -1022
                assert abs(mp.mpf(value) - exact) <= bound


@pytest.mark.filterwarnings("error")
def test_the_largest_kept_entry_is_subtracted():
    """SM-S1, SM-S2: entries overflow neither alone nor in their difference, and a masked maximum does not count."""
    x = np.array([[1e300, 1e300], [-1e308, 1e308], [-800.0, 1000.0]])

    y = softmax(x, np.array([[True, True], [True, True], [True, False]]))

    assert y.tolist() == [[0.5, 0.5], [0, 1], [1, 0]]


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf, 1e308])
def test_masked_entries_are_zero_and_change_nothing(rubbish):
    """SM-S4: the result is bit for bit that of the kept entries alone."""
    x = np.array([0.3, rubbish, -0.7, rubbish, 1.1])
    mask = np.array([True, False, True, False, True])

    y = softmax(x, mask)

    assert y[mask].tolist() == softmax(np.array([0.3, -0.7, 1.1])).tolist()
    assert y[~mask].tolist() == [0, 0]


def test_a_row_without_a_kept_entry_is_zero_and_leaves_its_neighbour_alone():
    """SM-S5: zeros, not NaN and not the uniform distribution."""
    y = softmax(np.ones((2, 4)), np.array([[False], [True]]))

    assert y.tolist() == [[0, 0, 0, 0], [0.25, 0.25, 0.25, 0.25]]


def test_the_axis_is_the_one_that_sums_to_one():
    """SM-S3, SM-C4: positive and negative axes."""
    x = np.zeros((2, 4, 5))

    assert [softmax(x, axis=axis)[0, 0, 0] for axis in (0, 1, 2, -1, -2, -3)] == [
        1 / 2,
        1 / 4,
        1 / 5,
        1 / 5,
        1 / 4,
        1 / 2,
    ]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("row", [[np.nan, 1, 2], [np.inf, 1, 2], [1, np.inf, np.inf], [-np.inf] * 3])
def test_kept_entries_without_a_real_value_make_their_row_nan(row):
    """SM-S2, SM-S3: NaN, +infinity or nothing but -infinity; masked entries and other rows stay as they are."""
    mask = np.array([True, True, True, False])

    y = softmax(np.array([[*row, 5], [0, 0, -np.inf, 5]]), mask)

    assert np.array_equal(y, [[np.nan, np.nan, np.nan, 0], [0.5, 0.5, 0, 0]], equal_nan=True)


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """SM-S3: operands may be read-only views with any strides; the result shares no memory with them."""
    x = np.zeros((3, 4))[::-1, ::2]
    mask = np.array([True, False, False, True])[::2]
    x.flags.writeable = mask.flags.writeable = False

    y = softmax(x, mask)

    assert y.tolist() == [[1, 0]] * 3
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize(
    ("x", "mask", "axis", "error", "clause"),
    [
        (np.ones((2, 3), np.int64), None, -1, DTypeError, "SM-C1"),
        (np.ones((2, 3)), np.ones((2, 3), np.int64), -1, DTypeError, "SM-C2"),
        (np.ones((2, 3)), np.zeros((2, 3)), -1, DTypeError, "SM-C2"),
        (np.ones((2, 3)), np.ones(2, np.bool_), -1, ShapeError, "SM-C3"),
        (np.ones((1, 3)), np.ones((2, 3), np.bool_), -1, ShapeError, "SM-C3"),
        (np.ones(3), np.ones((1, 3), np.bool_), -1, ShapeError, "SM-C3"),
        (np.ones((2, 3)), None, 2, RangeError, "SM-C4"),
        (np.ones((2, 3)), None, -3, RangeError, "SM-C4"),
        (np.ones(()), None, -1, RangeError, "SM-C4"),
    ],
)
def test_bad_operands_are_refused(x, mask, axis, error, clause):
    """SM-C1, SM-C2, SM-C3, SM-C4."""
    with violates(error, clause):
        softmax(x, mask, axis=axis)
