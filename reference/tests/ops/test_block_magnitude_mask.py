"""``block_magnitude_mask`` against sorted exact sums."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import round_half_even
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.ops import block_magnitude_mask

EIGHTHS = st.integers(-40, 40).map(lambda k: k / 8)


@st.composite
def cases(draw):
    """Draw a weight of eighths, whose sums are exact and often equal, with a block shape and a sparsity."""
    out, in_ = draw(st.sampled_from([(1, 1), (4, 1), (4, 4), (16, 4), (3, 2)]))
    rows, columns = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    weight = draw(hnp.arrays(np.float32, (rows * out, columns * in_), elements=EIGHTHS))
    return weight, (out, in_), draw(st.floats(0, 1) | st.sampled_from([0.5, 0.25, 0.75]))


@given(cases())
def test_the_smallest_blocks_are_dropped_in_exactly_the_asked_number(case):
    """BMM-S1 to BMM-S4: blocks sorted by exact sum of magnitudes, then by position."""
    weight, (out, in_), sparsity = case
    blocks = []
    for top in range(0, weight.shape[0], out):
        for left in range(0, weight.shape[1], in_):
            block = weight[top : top + out, left : left + in_].ravel().tolist()
            blocks.append((sum(abs(Fraction(value)) for value in block), top, left))
    pruned = round_half_even(Fraction(sparsity * len(blocks)))
    expected = np.ones(weight.shape, np.bool_)
    for _, top, left in sorted(blocks)[:pruned]:
        expected[top : top + out, left : left + in_] = False

    mask = block_magnitude_mask(weight, block_shape=(out, in_), sparsity=sparsity)

    assert mask.dtype == np.bool_
    assert mask.tolist() == expected.tolist()


def test_magnitudes_are_added_in_float64_in_order():
    """BMM-S1: 1e16 + 1 + 1 is 1e16 from the left, and 1 + 1 + 1e16 is more."""
    weight = np.array([[1.0, 1.0, 1e16], [1e16, 1.0, 1.0]])

    assert block_magnitude_mask(weight, block_shape=(1, 3), sparsity=0.5)[:, 0].tolist() == [True, False]


@pytest.mark.parametrize(("blocks", "sparsity", "pruned"), [(5, 0.5, 2), (3, 0.5, 2), (7, 0.5, 4), (10, 0.25, 2)])
def test_a_half_block_is_rounded_to_even(blocks, sparsity, pruned):
    """BMM-S2: 2.5, 1.5, 3.5 and 2.5 blocks."""
    mask = block_magnitude_mask(np.ones((blocks, 1), np.float32), block_shape=(1, 1), sparsity=sparsity)

    assert (~mask).sum() == pruned


def test_equal_scores_are_dropped_from_the_first_position():
    """BMM-S3: row by row of blocks."""
    mask = block_magnitude_mask(np.ones((2, 2), np.float32), block_shape=(1, 1), sparsity=0.75)

    assert mask.tolist() == [[False, False], [False, True]]


def test_many_equal_scores_keep_their_order():
    """BMM-S3: 2000 blocks with three scores, of which an unstable sort would mix up the equal ones."""
    weight = (np.arange(2000.0) % 3).reshape(40, 50)
    expected = np.ones(2000, np.bool_)
    expected[sorted(range(2000), key=lambda i: (i % 3, i))[:1000]] = False

    mask = block_magnitude_mask(weight, block_shape=(1, 1), sparsity=0.5)

    assert mask.ravel().tolist() == expected.tolist()


def test_the_ends_of_the_scale():
    """BMM-S2, BMM-S4: 0 keeps a block of zeros, 1 drops every block."""
    weight = np.float32([[0, 0], [1, 1]])

    assert block_magnitude_mask(weight, block_shape=(1, 2), sparsity=0).all()
    assert not block_magnitude_mask(weight, block_shape=(1, 2), sparsity=1).any()


W = np.ones((4, 4), np.float32)


@pytest.mark.parametrize(
    ("weight", "block_shape", "sparsity", "error", "clause"),
    [
        (W.astype(np.int8), (4, 1), 0.5, DTypeError, "BMM-C1"),
        (np.full((4, 4), np.nan), (4, 1), 0.5, RangeError, "BMM-C1"),
        (np.full((4, 4), np.inf), (4, 1), 0.5, RangeError, "BMM-C1"),
        (W[0], (4, 1), 0.5, ShapeError, "BMM-C2"),
        (W, (3, 1), 0.5, ShapeError, "BMM-C2"),
        (W, (4, 8), 0.5, ShapeError, "BMM-C2"),
        (W, (0, 1), 0.5, ShapeError, "BMM-C2"),
        (W, (4, 1), -0.1, RangeError, "BMM-C3"),
        (W, (4, 1), 1.1, RangeError, "BMM-C3"),
        (W, (4, 1), float("nan"), RangeError, "BMM-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(weight, block_shape, sparsity, error, clause):
    """BMM-C1 to BMM-C3."""
    with violates(error, clause):
        block_magnitude_mask(weight, block_shape=block_shape, sparsity=sparsity)
