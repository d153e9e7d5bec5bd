"""Decision 0007: the sign of a zero result is not judged, that of a zero operand is."""

from __future__ import annotations

import numpy as np
import pytest

from distilspec.conformance import bounds
from distilspec.conformance.judge import judge
from distilspec.conformance.result import State

ZERO = np.float32([0.0])


@pytest.mark.parametrize("operator", ["absolute", "negate", "relu", "gelu", "tanh", "erf", "sqrt"])
def test_a_zero_result_has_either_sign(operator):
    """A runtime that computes max(x, 0), or flushes, ends with the one or the other."""
    bounded = getattr(bounds, operator)(ZERO)

    for got in (ZERO, -ZERO):
        assert judge(got, bounded.value, bounded.error).state is State.PASS


@pytest.mark.parametrize("zero", [ZERO, -ZERO])
def test_a_division_by_a_zero_operand_has_its_sign(zero):
    """DIV-S2: a runtime knows the sign of what it holds."""
    bounded = bounds.reciprocal(zero)

    assert bounded.contains(np.copysign(np.float32([np.inf]), zero)).all()
    assert not bounded.contains(-np.copysign(np.float32([np.inf]), zero)).any()
