"""``negate`` against rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from loops import at, indices
from refusal import violates
from strategies import FLOATS, tensors

from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.ops import negate


@given(tensors(FLOATS))
def test_every_element_becomes_the_opposite(x):
    """NEG-S1: exactly, in fresh memory; read-only operands in any layout are left alone."""
    y = negate(x)

    assert y.dtype == np.float64
    assert y.shape == x.shape
    assert not np.shares_memory(y, x)
    for index in indices(x.shape):
        value = Fraction(at(x, index))
        assert Fraction(float(y[index])) == (0 - value)


def test_special_values():
    """NEG-S1: infinities, NaN and signed zeros."""
    y = negate(np.float32([np.inf, -np.inf, np.nan, 0.0, -0.0]))

    assert str(y.tolist()) == "[-inf, inf, nan, -0.0, 0.0]"


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.bool_])
def test_integers_are_refused(dtype):
    """NEG-C1."""
    with violates(DTypeError, "NEG-C1"):
        negate(np.ones(2, dtype))
