"""Weights of ``w7a8-static``: no pair of them is too much for 16 bits, and hardly a four."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from distilspec.fast.isa import TARGETS
from distilspec.fast.kernels.fours import in_limited_fours
from distilspec.fast.kernels.pairs import in_limited_pairs
from distilspec.reference.recipes import quantize_weight

(LIMIT,) = {target.pair_limit for target in TARGETS.values() if target.pair_limit}
ROWS = 4

CODES = st.sampled_from([-64, 64]) | st.integers(-64, 64)


@given(rows=st.integers(0, 9).flatmap(lambda size: hnp.arrays(np.int8, (ROWS, size), elements=CODES)))
def test_no_column_of_a_block_row_is_multiplied_twice(rows):
    """Any two weights of seven bits are a pair within the limit; one column of zeros may make their number even."""
    columns = rows.shape[1]

    _, places, kept = in_limited_pairs(np.zeros(columns, np.int64), np.arange(columns), rows.T, LIMIT)

    assert kept.shape[0] == columns + columns % 2
    assert len(places) == kept.shape[0]


@pytest.mark.parametrize(("recipe", "least", "most"), [("w7a8-static", 0, 0.001), ("w8a8-static", 0.03, 0.06)])
def test_hardly_a_dense_weight_is_multiplied_twice(recipe, least, most):
    """docs/decisions/0014: of normal weights 768 by 768, 0.02 % instead of 5 %."""
    codes = quantize_weight(np.random.default_rng(0).normal(size=(768, 768)), recipe).codes

    twice = in_limited_fours(codes, ROWS, LIMIT).extra_weights.size / codes.size

    assert least <= twice <= most
