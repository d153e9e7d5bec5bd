"""``block_sparse_linear`` against exact sums over the stored blocks alone."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import block_sparse_linear, linear, pack_block_sparse

FLOATS = st.floats(-(2.0**20), 2.0**20, width=32)


@st.composite
def cases(draw):
    """Draw x, a packed weight whose blocks are mostly zero, its dense form, and a bias."""
    out, in_ = draw(st.sampled_from([(1, 1), (4, 1), (4, 4), (16, 4), (3, 2)]))
    rows, columns = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    weight = draw(hnp.arrays(np.float32, (rows * out, columns * in_), elements=FLOATS, fill=st.just(0)))
    x = draw(hnp.arrays(np.float32, (draw(st.integers(0, 2)), columns * in_), elements=FLOATS))
    return (
        x,
        pack_block_sparse(weight, block_shape=(out, in_)),
        weight,
        draw(hnp.arrays(np.float32, rows * out, elements=FLOATS)),
    )


@given(cases())
def test_result_is_the_exact_sum_over_the_stored_blocks(case):
    """BSL-S1, BSL-S2: within gamma(n) of float64, n = in_features + 2, of sums that skip what is not stored."""
    x, (data, indices, indptr), _, bias = case
    _, out, in_ = data.shape

    y = block_sparse_linear(x, data, indices, indptr, bias)

    n = x.shape[1] + 2
    gamma = Fraction(n, 2**53) / (1 - Fraction(n, 2**53))
    assert y.shape == (len(x), len(bias))
    for m, o in np.ndindex(y.shape):
        row, i = divmod(o, out)
        terms = [Fraction(float(bias[o]))]
        for b in range(indptr[row], indptr[row + 1]):
            terms += [Fraction(float(x[m, indices[b] * in_ + j])) * Fraction(float(data[b, i, j])) for j in range(in_)]
        assert abs(Fraction(float(y[m, o])) - sum(terms)) <= gamma * sum(map(abs, terms))


@given(cases())
def test_sparse_equals_dense_bit_for_bit(case):
    """BSL-S1, BSL-S2: the reference gives the bits of ``linear`` on the weight with explicit zeros."""
    x, packed, weight, bias = case

    assert block_sparse_linear(x, *packed, bias).tobytes() == linear(x, weight, bias).tobytes()
    assert block_sparse_linear(x, *packed).tobytes() == linear(x, weight).tobytes()


def test_an_empty_block_row_and_an_empty_matrix_give_the_bias():
    """BSL-S2: and zero without one."""
    x, data, bias = np.float32([[[7, 10]]]), np.zeros((0, 2, 1), np.float32), np.float32([1, 2, 3, 4])

    assert block_sparse_linear(x, data, np.int32([]), np.int32([0, 0, 0]), bias).tolist() == [[[1, 2, 3, 4]]]
    assert block_sparse_linear(x, data, np.int32([]), np.int32([0, 0, 0])).tolist() == [[[0, 0, 0, 0]]]


X, DATA, INDICES, INDPTR = (
    np.zeros((1, 6), np.float32),
    np.zeros((2, 2, 2), np.float32),
    np.int32([0, 2]),
    np.int32([0, 2]),
)


@pytest.mark.parametrize(
    ("operands", "error", "clause"),
    [
        ((X.astype(np.int8), DATA, INDICES, INDPTR), DTypeError, "BSL-C1"),
        ((X, DATA.astype(np.int8), INDICES, INDPTR), DTypeError, "BSL-C1"),
        ((X, DATA, INDICES, INDPTR, np.zeros(2, np.int32)), DTypeError, "BSL-C1"),
        ((X[0, 0], DATA, INDICES, INDPTR), ShapeError, "BSL-C1"),
        ((X[:, :5], DATA, INDICES, INDPTR), ShapeError, "BSL-C2"),
        ((X, DATA, INDICES.astype(np.float32), INDPTR), DTypeError, "BSL-C2"),
        ((X, DATA, np.int32([0, 3]), INDPTR), RangeError, "BSL-C3"),
        ((X, DATA, INDICES, np.int32([0, 3])), RangeError, "BSL-C3"),
        ((X, DATA, INDICES, INDPTR, np.zeros(3, np.float32)), ShapeError, "LIN-C2"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(operands, error, clause):
    """BSL-C1 to BSL-C4; the shape of the bias is refused by LIN-C2."""
    with violates(error, clause):
        block_sparse_linear(*operands)
