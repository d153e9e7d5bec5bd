"""``cls_pool`` against Python indexing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, ShapeError
from distilspec.reference.ops import cls_pool

SHAPES = st.tuples(*(st.sampled_from(sizes) for sizes in ([0, 1, 2, 7], [1, 2, 7], [0, 1, 2, 7])))


@given(hnp.arrays(np.float32, SHAPES) | hnp.arrays(np.float64, SHAPES))
def test_the_first_token_is_copied(hidden_states):
    """CLS-S1: bit for bit, NaN and infinities included."""
    y = cls_pool(hidden_states)

    assert y.dtype == np.float64
    assert y.shape == (hidden_states.shape[0], hidden_states.shape[2])
    assert repr(y.tolist()) == repr([tokens[0] for tokens in hidden_states.tolist()])


def test_read_only_strided_operands_are_left_alone_and_the_result_is_fresh():
    """CLS-S1: the operand may be a read-only view with any strides; the result shares no memory with it."""
    hidden_states = np.arange(12.0).reshape(2, 3, 2)[::-1, ::-1]
    hidden_states.flags.writeable = False

    y = cls_pool(hidden_states)

    assert y.tolist() == [[10, 11], [4, 5]]
    assert not np.shares_memory(hidden_states, y)


@pytest.mark.parametrize(
    ("hidden_states", "error", "clause"),
    [
        (np.zeros((2, 3, 4), np.int8), DTypeError, "CLS-C1"),
        (np.zeros((2, 3)), ShapeError, "CLS-C2"),
        (np.zeros((2, 3, 4, 5)), ShapeError, "CLS-C2"),
        (np.zeros((2, 0, 4)), ShapeError, "CLS-C3"),
    ],
)
def test_bad_operands_are_refused(hidden_states, error, clause):
    """CLS-C1, CLS-C2, CLS-C3."""
    with violates(error, clause):
        cls_pool(hidden_states)
