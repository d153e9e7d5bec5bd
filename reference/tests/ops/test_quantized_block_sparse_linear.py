"""``quantized_block_sparse_linear`` against Python integers over the stored blocks alone."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import pack_block_sparse, quantized_block_sparse_linear, quantized_linear

SCALES = st.floats(2.0**-40, 2.0**20, width=32)
U = Fraction(1, 2**53)


@st.composite
def cases(draw):
    """Draw the operands before the weight, a dense weight with zero blocks, its packed form, and those after it."""
    out, in_ = draw(st.sampled_from([(1, 1), (4, 1), (4, 4), (16, 4), (3, 2)]))
    rows, columns, tokens = draw(st.integers(0, 3)), draw(st.integers(0, 3)), draw(st.integers(0, 3))
    dtype = draw(st.sampled_from([np.uint8, np.int8]))
    codes = lambda dtype, *shape: draw(  # noqa: E731
        hnp.arrays(dtype, shape, elements=st.integers(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)))
    )
    scales = lambda *shape: draw(hnp.arrays(np.float32, shape, elements=SCALES))  # noqa: E731
    kept = np.repeat(np.repeat(codes(np.uint8, rows, columns) % 3 == 0, out, 0), in_, 1)
    weight = np.where(kept, codes(np.int8, rows * out, columns * in_), 0).astype(np.int8)
    before = codes(dtype, tokens, columns * in_), scales(*draw(st.sampled_from([(), (tokens, 1)]))), codes(dtype)
    bias = draw(st.none() | hnp.arrays(np.float32, rows * out, elements=st.floats(-100, 100, width=32)))
    return before, weight, pack_block_sparse(weight, block_shape=(out, in_)), (scales(rows * out), bias)


@given(cases())
def test_result_is_the_formula_over_the_stored_blocks(case):
    """QBSL-S1, QBSL-S2: exact accumulators; two float64 roundings of the epilogue."""
    (x, x_scale, x_zero_point), _, (data, indices, indptr), (weight_scale, bias) = case
    _, out, in_ = data.shape
    row_scale = np.broadcast_to(x_scale, (len(x), 1)).ravel().tolist()

    y = quantized_block_sparse_linear(x, x_scale, x_zero_point, data, indices, indptr, weight_scale, bias)

    for m, o in np.ndindex(y.shape):
        row, i = divmod(o, out)
        accumulator = sum(
            (int(x[m, indices[b] * in_ + j]) - int(x_zero_point)) * int(data[b, i, j])
            for b in range(indptr[row], indptr[row + 1])
            for j in range(in_)
        )
        product = accumulator * Fraction(row_scale[m]) * Fraction(float(weight_scale[o]))
        exact = product + (0 if bias is None else Fraction(float(bias[o])))
        slack = U * abs(product) * (1 + U)
        assert abs(Fraction(float(y[m, o])) - exact) <= slack + U * (abs(exact) + slack)


@given(cases())
def test_sparse_equals_dense_bit_for_bit(case):
    """QBSL-S2: the float64 result is that of the weight with explicit zeros."""
    before, weight, packed, after = case

    sparse = quantized_block_sparse_linear(*before, *packed, *after)
    dense = quantized_linear(*before, weight, *after)

    assert (sparse.dtype, sparse.shape) == (dense.dtype, dense.shape)
    assert sparse.tobytes() == dense.tobytes()


def test_an_empty_block_row_gives_the_bias_whatever_the_zero_point():
    """QBSL-S2: and so does a matrix without blocks."""
    x, one, data = np.uint8([[0, 255]]), np.ones(4, np.float32), np.zeros((0, 4, 1), np.int8)

    y = quantized_block_sparse_linear(
        x, one[0], np.uint8(255), data, np.int32([]), np.int32([0, 0]), one, np.float32([1, 2, 3, 4])
    )

    assert y.tolist() == [[1, 2, 3, 4]]


GOOD = {
    "x": np.zeros((2, 6), np.uint8),
    "x_scale": np.float32(1),
    "x_zero_point": np.uint8(0),
    "data": np.zeros((2, 2, 2), np.int8),
    "indices": np.int32([0, 2]),
    "indptr": np.int32([0, 2]),
    "weight_scale": np.ones(2, np.float32),
}


@pytest.mark.parametrize(
    ("changes", "error", "clause"),
    [
        ({"x": np.zeros((2, 6), np.float32)}, DTypeError, "QBSL-C1"),
        ({"x": np.uint8(0)}, ShapeError, "QBSL-C1"),
        ({"data": np.zeros((2, 2, 2), np.float32)}, DTypeError, "QBSL-C1"),
        ({"x": np.zeros((2, 5), np.uint8)}, ShapeError, "QBSL-C2"),
        ({"indptr": np.float32([0, 2])}, DTypeError, "QBSL-C2"),
        ({"indices": np.int32([0, 3])}, RangeError, "QBSL-C3"),
        ({"indices": np.int32([2, 0])}, RangeError, "QBSL-C3"),
        ({"indptr": np.int32([0, 3])}, RangeError, "QBSL-C3"),
        ({"x_zero_point": np.int8(0)}, DTypeError, "QL-C1"),
        ({"weight_scale": np.ones(3, np.float32)}, ShapeError, "QL-C3"),
        ({"x_scale": np.float32(0)}, RangeError, "QL-C4"),
        ({"bias": np.zeros(3, np.float32)}, ShapeError, "QL-C5"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(changes, error, clause):
    """QBSL-C1 to QBSL-C4; operands that are not sparse are refused by the clauses of ``quantized_linear``."""
    with violates(error, clause):
        quantized_block_sparse_linear(**GOOD | changes)
