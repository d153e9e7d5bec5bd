"""``pack_block_sparse`` against plain loops over blocks, and SciPy as a second opinion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates
from scipy import sparse

from distilspec.reference.contract.errors import DTypeError, ShapeError
from distilspec.reference.ops import pack_block_sparse, unpack_block_sparse

BLOCK_SHAPES = st.sampled_from([(1, 1), (4, 1), (1, 4), (4, 4), (16, 4), (3, 2), (5, 7)])
ELEMENTS = {
    np.float32: st.sampled_from([0.0, -0.0, 1.5, np.nan, -np.inf, 2.0**-149]),
    np.float64: st.sampled_from([0.0, -0.0, 1.5, np.nan, np.inf, 2.0**-1074]),
    np.int8: st.sampled_from([0, 1, -128, 127]),
    np.uint8: st.sampled_from([0, 1, 128, 255]),
}


@st.composite
def matrices(draw):
    """Draw a matrix of whole blocks, most of them zero, and its block shape."""
    out, in_ = draw(BLOCK_SHAPES)
    rows, columns = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    dtype = draw(st.sampled_from(list(ELEMENTS)))
    weight = draw(hnp.arrays(dtype, (rows * out, columns * in_), elements=ELEMENTS[dtype], fill=st.just(0)))
    return weight, (out, in_)


@given(matrices())
def test_unpacking_gives_every_bit_back(case):
    """PACK-S1 to PACK-S4, UNPK-S1, UNPK-S2: NaN, infinities, subnormals and -0.0 included."""
    weight, block_shape = case

    packed = pack_block_sparse(weight, block_shape=block_shape)
    back = unpack_block_sparse(*packed, in_features=weight.shape[1])

    assert (back.dtype, back.shape) == (weight.dtype, weight.shape)
    assert back.tobytes() == weight.tobytes()


@given(matrices())
def test_blocks_are_listed_row_by_row_without_the_zero_ones(case):
    """PACK-S1 to PACK-S4: the same lists, made by loops, with zero meaning that every bit is zero."""
    weight, (out, in_) = case
    data, indices, indptr = [], [], [0]
    for top in range(0, weight.shape[0], out):
        for left in range(0, weight.shape[1], in_):
            block = weight[top : top + out, left : left + in_]
            if any(block.tobytes()):
                data.append(block.tobytes())
                indices.append(left // in_)
        indptr.append(len(data))

    packed = pack_block_sparse(weight, block_shape=(out, in_))

    assert packed.data.shape == (len(data), out, in_)
    assert packed.data.dtype == weight.dtype
    assert (packed.indices.dtype, packed.indptr.dtype) == (np.int32, np.int32)
    assert [block.tobytes() for block in packed.data] == data
    assert packed.indices.tolist() == indices
    assert packed.indptr.tolist() == indptr


def test_scipy_reads_the_same_matrix():
    """PACK-S3, PACK-S4: the three arrays are a canonical BSR matrix."""
    weight = np.random.default_rng(0).integers(-1, 2, (32, 12)).astype(np.int8) * np.kron(np.eye(8, 3), np.ones((4, 4)))
    weight = weight.astype(np.int8)

    data, indices, indptr = pack_block_sparse(weight, block_shape=(4, 4))
    matrix = sparse.bsr_array((data, indices, indptr), shape=weight.shape)

    assert matrix.has_canonical_format
    assert matrix.toarray().tolist() == weight.tolist()


def test_a_block_of_negative_zeros_is_kept():
    """PACK-S2: only +0 is left out, so that no bit is lost."""
    packed = pack_block_sparse(np.float32([[0.0, -0.0]]), block_shape=(1, 1))

    assert packed.indices.tolist() == [1]
    assert np.signbit(packed.data).all()


def test_the_result_is_fresh_memory_from_a_strided_operand():
    """PACK-S3: a transposed read-only weight is left alone."""
    weight = np.arange(6, dtype=np.float32).reshape(2, 3).T
    weight.flags.writeable = False

    packed = pack_block_sparse(weight, block_shape=(1, 2))

    assert packed.data.tolist() == [[[0, 3]], [[1, 4]], [[2, 5]]]
    assert not np.shares_memory(packed.data, weight)


@pytest.mark.parametrize(
    ("weight", "block_shape", "error", "clause"),
    [
        (np.zeros((4, 4), np.int32), (4, 1), DTypeError, "PACK-C1"),
        (np.zeros(4, np.int8), (4, 1), ShapeError, "PACK-C2"),
        (np.zeros((6, 4), np.int8), (4, 1), ShapeError, "PACK-C2"),
        (np.zeros((4, 6), np.int8), (4, 4), ShapeError, "PACK-C2"),
        (np.zeros((4, 4), np.int8), (0, 1), ShapeError, "PACK-C2"),
        (np.zeros((4, 4), np.int8), (4, -1), ShapeError, "PACK-C2"),
        (np.zeros((4, 4), np.int8), (4,), ShapeError, "PACK-C2"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(weight, block_shape, error, clause):
    """PACK-C1, PACK-C2."""
    with violates(error, clause):
        pack_block_sparse(weight, block_shape=block_shape)
