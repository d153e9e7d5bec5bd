"""``spread_layer_map`` against exact fractions and its published cases."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates

from distilspec.reference.contract.errors import RangeError
from distilspec.reference.objectives import spread_layer_map


@given(st.integers(1, 40), st.integers(1, 40))
def test_layers_are_spread_evenly_and_cut(a, b):
    """SPR-S1, SPR-S2: the floor of exact fractions; first and last are among them, and no layer stands twice."""
    student, teacher = sorted((a, b))

    found = spread_layer_map(teacher, student)

    if student == 1:
        assert found == (teacher - 1,)
    else:
        assert found == tuple(floor(Fraction(teacher - 1, student - 1) * i) for i in range(student))
        assert (found[0], found[-1]) == (0, teacher - 1)
    assert len(set(found)) == student


def test_the_published_students():
    """SPR-S1: Distil-Whisper's decoders of 2 and 16 layers."""
    sixteen = (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 31)

    assert spread_layer_map(32, 2) == (0, 31)
    assert spread_layer_map(32, 16) == sixteen


@pytest.mark.parametrize(("teacher", "student"), [(6, 7), (6, 0), (0, 0)])
def test_an_impossible_number_of_layers_is_refused(teacher, student):
    """SPR-C1."""
    with violates(RangeError, "SPR-C1"):
        spread_layer_map(teacher, student)
