"""``embedding`` against Python indexing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates
from strategies import SIZES

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import embedding


@st.composite
def operands(draw):
    """Draw ids of any rank, int32 or int64, and a table that has a row for each."""
    rows, hidden_size = draw(st.sampled_from([1, 2, 7])), draw(SIZES)
    shape = tuple(draw(st.lists(SIZES, max_size=3)))
    input_ids = hnp.arrays(draw(st.sampled_from([np.int32, np.int64])), shape, elements=st.integers(0, rows - 1))
    weight = hnp.arrays(draw(st.sampled_from([np.float32, np.float64])), (rows, hidden_size))
    return draw(input_ids), draw(weight)


@given(operands())
def test_every_id_gives_its_row(case):
    """EMB-S1: the row is copied, bit for bit, to where its id stands."""
    input_ids, weight = case

    y = embedding(input_ids, weight)

    table = weight.tolist()
    assert y.dtype == np.float64
    assert y.shape == (*input_ids.shape, weight.shape[1])
    for index in np.ndindex(input_ids.shape):
        assert repr(y[index].tolist()) == repr(table[int(input_ids[index])])


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """EMB-S1: operands may be read-only views with any strides; the result shares no memory with the table."""
    weight = np.arange(12.0).reshape(4, 3)[::-1, ::2]
    weight.flags.writeable = False
    input_ids = np.array([[3, 9, 0], [1, 9, 1]])[:, ::2]

    y = embedding(input_ids, weight)

    assert y.tolist() == [[[0, 2], [9, 11]], [[6, 8], [6, 8]]]
    assert not np.shares_memory(embedding(np.int64(1), weight), weight)


def test_nan_and_infinities_are_copied():
    """EMB-S1: a row is not judged."""
    assert repr(embedding(np.array([1]), np.float32([[0, 0], [np.nan, -np.inf]])).tolist()) == "[[nan, -inf]]"


@pytest.mark.parametrize("input_id", [-1, -4, 4, 2**40])
def test_an_id_without_a_row_is_refused_by_value(input_id):
    """EMB-C4: negative ids do not wrap, and the first bad id is in the message."""
    with pytest.raises(RangeError, match=rf"^embedding: input_ids holds {input_id}; expected 0 to 3 .*\[EMB-C4\]$"):
        embedding(np.array([0, 3, input_id, -9]), np.zeros((4, 2)))


def test_a_table_without_rows_accepts_no_id():
    """EMB-C4, EMB-S1: no id, no row needed."""
    assert embedding(np.zeros((2, 0), np.int64), np.zeros((0, 3))).shape == (2, 0, 3)
    with pytest.raises(RangeError, match="EMB-C4"):
        embedding(np.zeros(1, np.int64), np.zeros((0, 3)))


@pytest.mark.parametrize(
    ("input_ids", "weight", "error", "clause"),
    [
        (np.zeros(2), np.zeros((4, 2)), DTypeError, "EMB-C1"),
        (np.zeros(2, np.bool_), np.zeros((4, 2)), DTypeError, "EMB-C1"),
        (np.zeros(2, np.uint8), np.zeros((4, 2)), DTypeError, "EMB-C1"),
        (np.zeros(2, np.int64), np.zeros((4, 2), np.int8), DTypeError, "EMB-C2"),
        (np.zeros(2, np.int64), np.zeros(4), ShapeError, "EMB-C3"),
        (np.zeros(2, np.int64), np.zeros((4, 2, 1)), ShapeError, "EMB-C3"),
    ],
)
def test_bad_operands_are_refused(input_ids, weight, error, clause):
    """EMB-C1, EMB-C2, EMB-C3."""
    with violates(error, clause):
        embedding(input_ids, weight)
