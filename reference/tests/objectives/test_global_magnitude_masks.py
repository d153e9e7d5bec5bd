"""``global_magnitude_masks`` against sorted exact sums."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import round_half_even
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import refused, violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.objectives import global_magnitude_masks
from distilspec.reference.ops import block_magnitude_mask

EIGHTHS = st.integers(-16, 16).map(lambda k: k / 8)


@st.composite
def cases(draw):
    """Draw one to three weights of eighths, whose sums are exact and often equal, a block shape and a sparsity."""
    out, in_ = draw(st.sampled_from([(1, 1), (4, 1), (3, 2)]))
    weights = {}
    for name in draw(st.sampled_from([["w"], ["b", "a"], ["q", "k", "v"]])):
        rows, columns = draw(st.integers(0, 3)), draw(st.integers(0, 3))
        weights[name] = draw(hnp.arrays(np.float32, (rows * out, columns * in_), elements=EIGHTHS))
    return weights, (out, in_), draw(st.floats(0, 1) | st.sampled_from([0.5, 0.25]))


@given(cases())
def test_the_smallest_blocks_of_all_are_dropped_in_exactly_the_asked_number(case):
    """GMM-S1 to GMM-S4: blocks sorted by exact sum of magnitudes, then by weight, then by position."""
    weights, (out, in_), sparsity = case
    blocks = []
    for number, weight in enumerate(weights.values()):
        for top in range(0, weight.shape[0], out):
            for left in range(0, weight.shape[1], in_):
                block = weight[top : top + out, left : left + in_].ravel().tolist()
                blocks.append((sum(abs(Fraction(value)) for value in block), number, top, left))
    expected = [np.ones(weight.shape, np.bool_) for weight in weights.values()]
    for _, number, top, left in sorted(blocks)[: round_half_even(Fraction(sparsity * len(blocks)))]:
        expected[number][top : top + out, left : left + in_] = False

    masks = global_magnitude_masks(weights, block_shape=(out, in_), sparsity=sparsity)

    assert [mask.tolist() for mask in masks.values()] == [mask.tolist() for mask in expected]
    assert list(masks) == list(weights)


@given(hnp.arrays(np.float32, (4, 6), elements=EIGHTHS), st.floats(0, 1))
def test_of_one_weight_it_is_the_operator(weight, sparsity):
    """GMM-S1 to GMM-S4: ``block_magnitude_mask``, ties included."""
    masks = global_magnitude_masks({"w": weight}, block_shape=(2, 3), sparsity=sparsity)

    assert masks["w"].tolist() == block_magnitude_mask(weight, block_shape=(2, 3), sparsity=sparsity).tolist()


W = np.ones((4, 4), np.float32)


@pytest.mark.parametrize(
    ("weights", "block_shape", "sparsity", "error", "clause"),
    [
        ({}, (4, 1), 0.5, ShapeError, "GMM-C1"),
        ({"v": W, "w": W.astype(np.int8)}, (4, 1), 0.5, DTypeError, "GMM-C1"),
        ({"v": W, "w": W + np.nan}, (4, 1), 0.5, RangeError, "GMM-C1"),
        ({"v": W, "w": W[0]}, (4, 1), 0.5, ShapeError, "GMM-C2"),
        ({"v": W, "w": W[:3]}, (4, 1), 0.5, ShapeError, "GMM-C2"),
        ({"w": W}, (4, 1), 1.5, RangeError, "GMM-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(weights, block_shape, sparsity, error, clause):
    """GMM-C1 to GMM-C3."""
    with violates(error, clause):
        global_magnitude_masks(weights, block_shape=block_shape, sparsity=sparsity)


def test_the_refused_weight_is_named():
    """GMM-C2: among several."""
    with refused(ShapeError, "^w: global_magnitude_masks: "):
        global_magnitude_masks({"v": W, "w": W[:3]}, block_shape=(4, 1), sparsity=0.5)
