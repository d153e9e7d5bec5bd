"""``unpack_block_sparse`` against plain loops over blocks; its round trip is in test_pack_block_sparse.py."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import unpack_block_sparse


@st.composite
def block_matrices(draw):
    """Draw the three arrays of a BSR matrix, with empty block rows, and its number of columns."""
    out, in_ = draw(st.sampled_from([(1, 1), (4, 1), (4, 4), (16, 4), (3, 2)]))
    rows, columns = draw(st.integers(0, 4)), draw(st.integers(0, 5))
    stored = [sorted(draw(st.sets(st.integers(0, columns - 1)))) if columns else [] for _ in range(rows)]
    blocks = sum(map(len, stored))
    data = np.arange(1, blocks * out * in_ + 1, dtype=np.float64).reshape(blocks, out, in_)
    index = draw(st.sampled_from([np.int32, np.int64]))
    indptr = np.cumsum([0, *map(len, stored)]).astype(index)
    return data, np.array(list(chain(*stored)), index), indptr, columns * in_


@given(block_matrices())
def test_each_block_stands_in_its_place_among_zeros(case):
    """UNPK-S1, UNPK-S2: element by element."""
    data, indices, indptr, in_features = case
    _, out, in_ = data.shape
    expected = [[0.0] * in_features for _ in range((len(indptr) - 1) * out)]
    for row in range(len(indptr) - 1):
        for b in range(indptr[row], indptr[row + 1]):
            for i, j in np.ndindex(out, in_):
                expected[row * out + i][indices[b] * in_ + j] = float(data[b, i, j])

    y = unpack_block_sparse(data, indices, indptr, in_features=in_features)

    assert y.shape == (len(expected), in_features)
    assert y.tolist() == expected


def test_zeros_are_positive():
    """UNPK-S2: no element that is not stored is -0.0."""
    y = unpack_block_sparse(np.zeros((0, 4, 1), np.float32), np.int32([]), np.int32([0, 0]), in_features=3)

    assert (y.dtype, y.shape) == (np.float32, (4, 3))
    assert not np.signbit(y).any()


DATA, INDICES, INDPTR = np.zeros((3, 2, 2), np.int8), np.int32([0, 2, 1]), np.int32([0, 2, 3])


@pytest.mark.parametrize(
    ("data", "indices", "indptr", "in_features", "error", "clause"),
    [
        (DATA, INDICES.astype(np.float32), INDPTR, 6, DTypeError, "UNPK-C1"),
        (DATA, INDICES, INDPTR.astype(np.uint8), 6, DTypeError, "UNPK-C1"),
        (DATA[0], INDICES, INDPTR, 6, ShapeError, "UNPK-C1"),
        (DATA, INDICES[:2], INDPTR, 6, ShapeError, "UNPK-C1"),
        (DATA, INDICES, INDPTR.reshape(1, 3), 6, ShapeError, "UNPK-C1"),
        (DATA, INDICES, INDPTR, 7, ShapeError, "UNPK-C1"),
        (DATA, INDICES, INDPTR, -6, ShapeError, "UNPK-C1"),
        (np.zeros((3, 2, 0), np.int8), INDICES, INDPTR, 6, ShapeError, "UNPK-C1"),
        (np.zeros((3, 0, 2), np.int8), INDICES, INDPTR, 6, ShapeError, "UNPK-C1"),
        (DATA, INDICES, np.int32([]), 6, RangeError, "UNPK-C2"),
        (DATA, INDICES, np.int32([1, 2, 3]), 6, RangeError, "UNPK-C2"),
        (DATA, INDICES, np.int32([0, 2, 2]), 6, RangeError, "UNPK-C2"),
        (DATA, INDICES, np.int32([0, 2, 4]), 6, RangeError, "UNPK-C2"),
        (DATA, INDICES, np.int32([0, 4, 3]), 6, RangeError, "UNPK-C2"),
        (DATA, INDICES, np.int32([0, -1, 3]), 6, RangeError, "UNPK-C2"),
        (DATA, INDICES, np.int64([0, 2**40, 3]), 6, RangeError, "UNPK-C2"),
        (DATA, np.int32([0, 3, 1]), INDPTR, 6, RangeError, "UNPK-C2"),
        (DATA, np.int32([0, 2, -1]), INDPTR, 6, RangeError, "UNPK-C2"),
        (DATA, np.int32([1, 1, 1]), INDPTR, 6, RangeError, "UNPK-C2"),
        (DATA, np.int32([2, 0, 1]), INDPTR, 6, RangeError, "UNPK-C2"),
        (DATA, INDICES, INDPTR, 0, RangeError, "UNPK-C2"),
    ],
)
def test_hostile_arrays_are_refused_in_one_line_that_names_the_clause(
    data, indices, indptr, in_features, error, clause
):
    """UNPK-C1, UNPK-C2."""
    with violates(error, clause):
        unpack_block_sparse(data, indices, indptr, in_features=in_features)
