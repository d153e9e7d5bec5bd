"""``slice`` against a loop that counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import indices
from refusal import violates
from strategies import ANY_TYPE, SHAPES, tensors

from distilspec.reference.contract.errors import RangeError
from distilspec.reference.ops import slice


def counted(size, start, stop, step):
    """Return the indices that a slice of an axis of ``size`` takes."""
    place = start + size if start < 0 else start
    end = size if step > 0 else -1
    last = end if stop is None else stop + size if stop < 0 else stop
    taken = []
    while (place < last) if step > 0 else (place > last):
        taken.append(place)
        place += step
    return taken


@st.composite
def cases(draw):
    """Draw a tensor with an axis and a slice of it that is not clipped."""
    x = draw(tensors(ANY_TYPE, SHAPES.filter(bool)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    size = x.shape[axis]
    step = draw(st.sampled_from([1, 2, 3, 9] + [-1, -2, -9] * (size > 0)))
    start = draw(st.integers(-size, size if step > 0 else size - 1))
    return x, axis, start, draw(st.none() | st.integers(-size, size)), step


@given(cases())
def test_indices_are_those_that_a_loop_counts(case):
    """SLC-S1, SLC-S2: in fresh memory; a read-only operand in any layout is left alone."""
    x, axis, start, stop, step = case
    taken = counted(x.shape[axis], start, stop, step)

    y = slice(x, axis=axis, start=start, stop=stop, step=step)

    assert y.dtype == x.dtype
    assert y.shape[axis] == len(taken)
    assert y.ndim == x.ndim
    assert not np.shares_memory(y, x)
    for index in indices(y.shape):
        source = list(index)
        source[axis] = taken[index[axis]]
        assert y[index] == x[tuple(source)]


@given(cases())
def test_within_the_axis_it_is_a_slice_of_python(case):
    """SLC-S1, SLC-S2: the same rule as for lists."""
    x, axis, start, stop, step = case
    places = list(range(x.shape[axis]))

    assert counted(x.shape[axis], start, stop, step) == places[start:stop:step]


def test_a_sequence_longer_than_the_table_is_an_error():
    """SLC-C3: Python and ONNX would return the four rows that there are."""
    table = np.zeros((4, 2))

    assert slice(table, axis=0, start=0, stop=4).shape == (4, 2)
    with violates(RangeError, "SLC-C3"):
        slice(table, axis=0, start=0, stop=5)


@pytest.mark.parametrize(
    ("axis", "start", "stop", "step", "clause"),
    [
        (2, 0, 1, 1, "SLC-C1"),
        (-3, 0, 1, 1, "SLC-C1"),
        (1, 0, 1, 0, "SLC-C2"),
        (1, 4, None, 1, "SLC-C3"),
        (1, -4, None, 1, "SLC-C3"),
        (1, 0, -4, 1, "SLC-C3"),
        (1, 3, None, -1, "SLC-C3"),
        (1, 0, 2**63 - 1, 1, "SLC-C3"),
        (0, 0, None, -1, "SLC-C3"),
    ],
)
def test_bad_slices_are_refused(axis, start, stop, step, clause):
    """SLC-C1 to SLC-C3."""
    with violates(RangeError, clause):
        slice(np.zeros((0, 3)), axis=axis, start=start, stop=stop, step=step)
