"""``matmul_integer`` against Python integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import matmul_integer

DTYPES = st.sampled_from([np.uint8, np.int8])
LENGTHS = st.sampled_from([0, 1, 2, 7, 255, 256, 257, 4096])


def codes(dtype, shape):
    """Draw codes that are mostly one value, and mostly an extreme one, which makes the largest sums."""
    limits = np.iinfo(dtype)
    extreme = st.sampled_from([int(limits.min), int(limits.max), int(limits.max) - 1])
    return hnp.arrays(dtype, shape, elements=extreme | st.integers(limits.min, limits.max), fill=extreme)


@st.composite
def operands(draw):
    """Draw both matrices and their zero points: absent, one for all, or one for each row or column."""
    rows, inner, columns = draw(st.sampled_from([0, 1, 3])), draw(LENGTHS), draw(st.sampled_from([0, 1, 2]))
    a_dtype, b_dtype = draw(DTYPES), draw(DTYPES)
    return (
        draw(codes(a_dtype, (rows, inner))),
        draw(codes(b_dtype, (inner, columns))),
        draw(st.none() | codes(a_dtype, ()) | codes(a_dtype, (rows, 1))),
        draw(st.none() | codes(b_dtype, ()) | codes(b_dtype, (columns,))),
    )


@given(operands())
def test_every_sum_is_the_exact_integer(case):
    """MMI-S1, MMI-S2: full-range operands of either sign, zero points at the ends, up to 4096 products."""
    a, b, a_zero_point, b_zero_point = case
    a_zero = np.broadcast_to(0 if a_zero_point is None else a_zero_point, (len(a), 1)).ravel().tolist()
    b_zero = np.broadcast_to(0 if b_zero_point is None else b_zero_point, (b.shape[1],)).tolist()

    y = matmul_integer(a, b, a_zero_point, b_zero_point)

    assert y.dtype == np.int32
    assert y.shape == (len(a), b.shape[1])
    for (m, n), got in np.ndenumerate(y):
        pairs = zip(a[m].tolist(), b[:, n].tolist(), strict=True)
        assert got == sum((i - a_zero[m]) * (j - b_zero[n]) for i, j in pairs)


@pytest.mark.parametrize(
    ("a", "a_zero_point", "b", "b_zero_point"),
    [(255, 0, -128, 0), (255, 0, 127, -128), (0, 255, 127, -128), (0, 255, -128, 127), (255, 0, 127, 0)],
)
def test_the_longest_sum_of_the_largest_products_is_exact(a, a_zero_point, b, b_zero_point):
    """MMI-C4, MMI-S1: 33025 times the extreme product fits in int32."""
    y = matmul_integer(
        np.full((1, 33025), a, np.uint8), np.full((33025, 1), b, np.int8), np.uint8(a_zero_point), np.int8(b_zero_point)
    )

    assert y.tolist() == [[33025 * (a - a_zero_point) * (b - b_zero_point)]]


def test_a_longer_sum_is_refused_before_it_can_be_wrong():
    """MMI-C4: 33026 products of 255 * 255 leave int32."""
    assert 33025 * 255 * 255 < 2**31 <= 33026 * 255 * 255

    with violates(RangeError, "MMI-C4"):
        matmul_integer(np.zeros((1, 33026), np.uint8), np.zeros((33026, 1), np.int8))


@given(codes(np.uint8, (2, 3, 5)), codes(np.int8, (5, 4)), codes(np.uint8, (2, 3, 1)))
def test_leading_axes_are_separate_products(a, b, a_zero_point):
    """MMI-S1: a batch is the products of its members; one row alone is a vector."""
    y = matmul_integer(a, b, a_zero_point)

    for i, j in np.ndindex(2, 3):
        assert y[i, j].tolist() == matmul_integer(a[i, j], b, a_zero_point[i, j]).tolist()


def test_neighbouring_products_do_not_saturate_at_16_bits():
    """MMI-S1: 255 * 127 twice, and 255 * -128 twice."""
    b = np.int8([[127, -128], [127, -128]])

    assert matmul_integer(np.uint8([[255, 255]]), b).tolist() == [[64770, -65280]]


def test_read_only_and_strided_operands_are_left_alone():
    """MMI-S1: operands may be read-only views with any strides."""
    a = np.arange(12, dtype=np.uint8).reshape(3, 4)[::-1, ::2]
    a.flags.writeable = False

    assert matmul_integer(a, np.int8([[1, 2], [3, 4]]).T).tolist() == [[28, 64], [16, 36], [4, 8]]


A, B = np.zeros((2, 3), np.uint8), np.zeros((3, 4), np.int8)


@pytest.mark.parametrize(
    ("operands", "error", "clause"),
    [
        ((A.astype(np.int32), B), DTypeError, "MMI-C1"),
        ((A, B.astype(np.float32)), DTypeError, "MMI-C1"),
        ((A, B, np.int8(0)), DTypeError, "MMI-C1"),
        ((A, B, None, np.uint8(0)), DTypeError, "MMI-C1"),
        ((A, B.T), ShapeError, "MMI-C2"),
        ((A[0, 0], B), ShapeError, "MMI-C2"),
        ((A, B[:, 0]), ShapeError, "MMI-C2"),
        ((np.zeros((2, 2, 3), np.uint8), np.zeros((5, 3, 4), np.int8)), ShapeError, "MMI-C2"),
        ((A, B, np.zeros(2, np.uint8)), ShapeError, "MMI-C3"),
        ((A, B, np.zeros((2, 3), np.uint8)), ShapeError, "MMI-C3"),
        ((A, B, None, np.zeros((3, 1), np.int8)), ShapeError, "MMI-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(operands, error, clause):
    """MMI-C1 to MMI-C3."""
    with violates(error, clause):
        matmul_integer(*operands)
