"""``mean_pool`` against exact rational means."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates
from strategies import SIZES, reals

from distilspec.reference.contract.errors import DTypeError, ShapeError
from distilspec.reference.ops import mean_pool

FLOATS = st.floats(-(2.0**20), 2.0**20, width=32)
RUBBISH = st.sampled_from([np.nan, np.inf, -np.inf, 3e38])


@st.composite
def operands(draw):
    """Draw hidden states and a mask; masked tokens hold rubbish."""
    batch, sequence, hidden_size = draw(SIZES), draw(SIZES), draw(SIZES)
    mask = draw(hnp.arrays(np.bool_, (batch, sequence)))
    hidden_states = draw(reals((batch, sequence, hidden_size), FLOATS))
    rubbish = draw(hnp.arrays(np.float32, hidden_states.shape, elements=RUBBISH))
    return np.where(mask[:, :, np.newaxis], hidden_states, rubbish), mask


@pytest.mark.filterwarnings("error")
@given(operands())
def test_result_is_the_mean_of_the_kept_tokens(case):
    """
    MEAN-S1, MEAN-S2, MEAN-S3, MEAN-S4: whatever is masked, and zeros where everything is.

    gamma(count + 1) with u = 2**-53: count additions and one division (Higham, section 3.1).
    """
    hidden_states, mask = case

    y = mean_pool(hidden_states, mask)

    assert y.shape == (hidden_states.shape[0], hidden_states.shape[2])
    assert y.dtype == np.float64
    for b, h in np.ndindex(y.shape):
        kept = [Fraction(v) for v, keep in zip(hidden_states[b, :, h].tolist(), mask[b].tolist(), strict=True) if keep]
        n = len(kept) + 1
        gamma = Fraction(n, 2**53) / (1 - Fraction(n, 2**53))
        exact = sum(kept) / max(len(kept), 1)
        assert abs(Fraction(float(y[b, h])) - exact) <= gamma * sum(map(abs, kept)) / max(len(kept), 1)


def test_the_count_is_that_of_the_kept_tokens():
    """MEAN-S1, MEAN-S2: neither the length of the sequence nor the sum of another sequence."""
    y = mean_pool(np.float32([[[2], [4], [9]], [[2], [4], [9]]]), np.array([[True, True, False], [True, True, True]]))

    assert y.tolist() == [[3], [5]]


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf])
def test_masked_tokens_change_nothing(rubbish):
    """MEAN-S3: a product with the mask would let 0 * NaN through."""
    assert mean_pool(np.array([[[2.0], [rubbish]]]), np.array([[True, False]])).tolist() == [[2]]


def test_a_sequence_without_a_kept_token_gives_zeros():
    """MEAN-S4: not 0 / 0."""
    assert mean_pool(np.ones((2, 2, 1)), np.array([[False, False], [False, True]])).tolist() == [[0], [1]]


@pytest.mark.filterwarnings("error")
def test_a_kept_nan_shows_in_its_own_feature():
    """MEAN-S2: only masked tokens are protected."""
    y = mean_pool(np.array([[[np.nan, 1.0, np.inf], [1.0, 3.0, -np.inf]]]), np.array([[True, True]]))

    assert np.array_equal(y, [[np.nan, 2, np.nan]], equal_nan=True)


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """MEAN-S2: operands may be read-only views with any strides; the result shares no memory with them."""
    hidden_states = np.arange(8.0).reshape(1, 4, 2)[:, ::-2, ::-1]
    mask = np.array([[True, False, True, False]])[:, ::2]
    hidden_states.flags.writeable = mask.flags.writeable = False

    y = mean_pool(hidden_states, mask)

    assert y.tolist() == [[5, 4]]
    assert not np.shares_memory(hidden_states, y)


@pytest.mark.parametrize(
    ("hidden_states", "attention_mask", "error", "clause"),
    [
        (np.ones((2, 3, 4), np.int8), np.ones((2, 3), np.bool_), DTypeError, "MEAN-C1"),
        (np.ones((2, 3)), np.ones((2, 3), np.bool_), ShapeError, "MEAN-C2"),
        (np.ones((2, 3, 4)), np.ones((2, 3), np.int64), DTypeError, "MEAN-C3"),
        (np.ones((2, 3, 4)), np.ones((1, 3), np.bool_), ShapeError, "MEAN-C4"),
        (np.ones((2, 3, 4)), np.ones((2, 3, 1), np.bool_), ShapeError, "MEAN-C4"),
        (np.ones((2, 3, 4)), np.ones((3, 2), np.bool_), ShapeError, "MEAN-C4"),
    ],
)
def test_bad_operands_are_refused(hidden_states, attention_mask, error, clause):
    """MEAN-C1, MEAN-C2, MEAN-C3, MEAN-C4."""
    with violates(error, clause):
        mean_pool(hidden_states, attention_mask)
