"""``scaled_dot_product_attention`` against 50-digit arithmetic."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates
from strategies import SIZES, reals

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import scaled_dot_product_attention

FLOATS = st.floats(-8, 8, width=32)
RUBBISH = st.sampled_from([np.nan, np.inf, -np.inf, 3e38])


@st.composite
def operands(draw):
    """Draw query, key, value, mask and scale; a key that no query keeps holds rubbish, and so does its value."""
    leading = tuple(draw(st.lists(st.sampled_from([1, 2]), max_size=2)))
    queries, keys, head_dim, value_dim = (draw(SIZES) for _ in range(4))
    query, key, value = (
        draw(reals((*leading, *shape), FLOATS)) for shape in ((queries, head_dim), (keys, head_dim), (keys, value_dim))
    )
    scale = draw(st.sampled_from([1 / math.sqrt(head_dim or 1), 1.0, -0.5, 0.0]))
    if draw(st.booleans()):
        return query, key, value, None, scale
    sizes = [draw(st.sampled_from([size, 1])) for size in (*leading, queries, keys)]
    mask = draw(hnp.arrays(np.bool_, tuple(sizes[draw(st.integers(0, len(sizes))) :])))
    unseen = ~np.broadcast_to(mask, (*leading, queries, keys)).any(axis=-2)[..., np.newaxis]
    rubbish = draw(RUBBISH)
    return query, np.where(unseen, rubbish, key), np.where(unseen, rubbish, value), mask, scale


@pytest.mark.filterwarnings("error")
@given(operands())
def test_result_is_the_real_value_over_the_kept_keys(case):
    """
    SDPA-S1, SDPA-S2, SDPA-S3, SDPA-S4, SDPA-S5: with any mask, whatever is masked.

    With u = 2**-53 and size = max over k of |scale| * sum|query * key|: scores are off by (head_dim + 1) * u * size,
    weights by twice that and by (2 * size + 2 * keys + 16) * u from softmax itself (test_softmax.py), the last sum by
    keys * u. All of it is relative to sum|weights * value|.
    """
    query, key, value, mask, scale = case

    y = scaled_dot_product_attention(query, key, value, mask, scale=scale)

    leading, (queries, head_dim), (keys, value_dim) = query.shape[:-2], query.shape[-2:], value.shape[-2:]
    assert y.shape == (*leading, queries, value_dim)
    assert y.dtype == np.float64
    every = np.broadcast_to(True if mask is None else mask, (*leading, queries, keys))
    for *stack, q in np.ndindex(*leading, queries):
        kept = np.flatnonzero(every[(*stack, q)]).tolist()
        row, columns, values = query[(*stack, q)].tolist(), key[tuple(stack)].tolist(), value[tuple(stack)].tolist()
        with mp.workdps(50):
            products = [[mp.mpf(a) * mp.mpf(b) for a, b in zip(row, columns[k], strict=True)] for k in kept]
            size = max((abs(scale) * mp.fsum(map(abs, product)) for product in products), default=0)
            e = [mp.exp(mp.mpf(scale) * mp.fsum(product)) for product in products]
            weights = [term / mp.fsum(e) for term in e]
            bound = (2 * (head_dim + 3) * size + 3 * keys + 24) * mp.mpf(2) ** -53
            for got, v in zip(y[(*stack, q)].tolist(), range(value_dim), strict=True):
                terms = [weight * values[k][v] for weight, k in zip(weights, kept, strict=True)]
                tiny = keys * 8 * mp.mpf(2) ** -1022
                assert abs(mp.mpf(got) - mp.fsum(terms)) <= bound * mp.fsum(map(abs, terms)) + tiny


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf])
def test_a_key_masked_for_one_query_and_kept_by_another_reaches_only_the_other(rubbish):
    """SDPA-S4: causal masks keep a key for some queries; 0 * NaN must not reach the others."""
    value = np.array([[[3.0, 1.0], [rubbish, 2.0]]])
    causal = np.array([[True, False], [True, True]])

    y = scaled_dot_product_attention(np.zeros((1, 2, 4)), np.zeros((1, 2, 4)), value, causal, scale=0.5)

    assert np.array_equal(y, [[[3, 1], [rubbish, 1.5]]], equal_nan=True)


@pytest.mark.filterwarnings("error")
def test_rubbish_in_a_masked_key_changes_no_weight():
    """SDPA-S4, SDPA-S2: a NaN score is masked before the maximum is taken."""
    key = np.array([[1.0, 0.0], [np.nan, np.inf], [1.0, 0.0]])

    y = scaled_dot_product_attention(
        np.ones((1, 2)), key, np.array([[2.0], [9.0], [4.0]]), np.array([True, False, True]), scale=1.0
    )

    assert y.tolist() == [[3]]


@pytest.mark.parametrize("rubbish", [0.0, np.nan])
def test_a_query_without_a_kept_key_gives_zeros(rubbish):
    """SDPA-S5: zeros, not NaN and not the mean of the values."""
    mask = np.array([[False, False], [True, False]])

    y = scaled_dot_product_attention(np.ones((2, 1)), np.ones((2, 1)), np.array([[5.0], [rubbish]]), mask, scale=1.0)

    assert y.tolist() == [[0], [5]]


def test_a_mask_of_the_batch_is_broadcast_over_heads_and_queries():
    """SDPA-S2, SDPA-C6: the mask [batch, 1, 1, sequence] of an encoder."""
    value = np.arange(24.0).reshape(2, 2, 3, 2)
    mask = np.array([[True, True, False], [False, False, True]])[:, np.newaxis, np.newaxis]

    y = scaled_dot_product_attention(np.zeros((2, 2, 3, 4)), np.zeros((2, 2, 3, 4)), value, mask, scale=0.5)

    assert y.tolist() == [[[[1, 2]] * 3, [[7, 8]] * 3], [[[16, 17]] * 3, [[22, 23]] * 3]]


def test_a_kept_nan_shows_although_the_mask_is_absent_or_full():
    """SDPA-S3: only masked keys are protected."""
    value = np.array([[np.nan], [1.0]])
    for mask in (None, np.ones((1, 2), np.bool_)):
        y = scaled_dot_product_attention(np.ones((1, 1)), np.ones((2, 1)), value, mask, scale=1.0)

        assert np.isnan(y).all()


def test_read_only_strided_operands_are_left_alone():
    """SDPA-S3: operands may be read-only views with any strides, as heads split from a projection are."""
    x = np.arange(16.0).reshape(4, 2, 2).swapaxes(0, 1)
    x.flags.writeable = False

    y = scaled_dot_product_attention(np.zeros((2, 1, 2)), np.zeros((2, 4, 2)), x, scale=1.0)

    assert y.tolist() == [[[6, 7]], [[8, 9]]], "means of four, which are exact in any order"


Q, K, V = np.ones((2, 3, 4)), np.ones((2, 5, 4)), np.ones((2, 5, 6))


@pytest.mark.parametrize(
    ("query", "key", "value", "mask", "scale", "error", "clause"),
    [
        (Q.astype(np.int8), K, V, None, 1.0, DTypeError, "SDPA-C1"),
        (Q, K.astype(np.int8), V, None, 1.0, DTypeError, "SDPA-C1"),
        (Q, K, V.astype(np.int8), None, 1.0, DTypeError, "SDPA-C1"),
        (np.ones(4), K, V, None, 1.0, ShapeError, "SDPA-C2"),
        (Q, np.ones((2, 5, 3)), V, None, 1.0, ShapeError, "SDPA-C3"),
        (Q, np.ones((1, 5, 4)), V, None, 1.0, ShapeError, "SDPA-C3"),
        (Q, np.ones((5, 4)), V, None, 1.0, ShapeError, "SDPA-C3"),
        (Q, K, np.ones((2, 4, 6)), None, 1.0, ShapeError, "SDPA-C4"),
        (Q, K, np.ones((1, 5, 6)), None, 1.0, ShapeError, "SDPA-C4"),
        (Q, K, V, np.ones((2, 3, 5)), 1.0, DTypeError, "SDPA-C5"),
        (Q, K, V, np.ones((2, 5, 3), np.bool_), 1.0, ShapeError, "SDPA-C6"),
        (Q, K, V, np.ones((1, 2, 3, 5), np.bool_), 1.0, ShapeError, "SDPA-C6"),
        (Q, K, V, None, np.nan, RangeError, "SDPA-C7"),
        (Q, K, V, None, np.inf, RangeError, "SDPA-C7"),
    ],
)
def test_bad_operands_are_refused(query, key, value, mask, scale, error, clause):
    """SDPA-C1, SDPA-C2, SDPA-C3, SDPA-C4, SDPA-C5, SDPA-C6, SDPA-C7."""
    with violates(error, clause):
        scaled_dot_product_attention(query, key, value, mask, scale=scale)
