"""``tinybert_layer_map``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates

from distilspec.reference.contract.errors import RangeError
from distilspec.reference.objectives import tinybert_layer_map


@given(st.integers(1, 8), st.integers(1, 6))
def test_each_layer_learns_from_the_last_of_its_group(student_layers, r):
    """TLM-S1, TLM-S2: and the attention of a layer comes from the layer whose output its hidden state learns from."""
    groups = [range(r * i, r * (i + 1)) for i in range(student_layers)]

    found = tinybert_layer_map(r * student_layers, student_layers)

    assert found.attentions == tuple(group[-1] for group in groups)
    assert found.hidden_states == (0, *(group[-1] + 1 for group in groups))


def test_the_map_of_the_paper():
    """TLM-S1: four layers of twelve learn from the layers 3, 6, 9, 12 of the paper, which counts from 1."""
    assert tinybert_layer_map(12, 4).attentions == (2, 5, 8, 11)


@pytest.mark.parametrize(("teacher", "student"), [(12, 5), (12, 0), (0, 1), (4, 8), (12, -4)])
def test_layers_that_do_not_divide_are_refused(teacher, student):
    """TLM-C1."""
    with violates(RangeError, "TLM-C1"):
        tinybert_layer_map(teacher, student)
