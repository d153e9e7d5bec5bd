"""The allowed sets of ``dynamic_quantize`` and ``dynamic_quantize_token``, on exact and on uncertain data."""

from __future__ import annotations

import float32_forms
import numpy as np
from float32_arithmetic import tensors, within
from hypothesis import given
from hypothesis import strategies as st

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded

KINDS = ("normal", "mixed magnitudes", "integers", "offset")


@given(tensors(3, 16, kinds=KINDS, exponents=(-20, 20)), st.floats(-28, -2), st.integers(0, 2**32 - 1))
def test_no_form_leaves_the_sets(x, exponent, seed):
    """Codes, scale and zero point, on exact data and on data anywhere inside their errors."""
    random = np.random.default_rng(seed)
    uncertain = Bounded(x, 2.0**exponent * np.abs(x).max() * random.uniform(0, 1, x.shape))
    for operator in ("dynamic_quantize", "dynamic_quantize_token"):
        exact, moved = getattr(bounds, operator)(x), getattr(bounds, operator)(uncertain)
        forms = getattr(float32_forms, operator)
        for name, got in forms(x):
            assert all(bounded.contains(array).all() for bounded, array in zip(exact, got, strict=True)), name
        for signs in (np.sign(x), -np.sign(x), random.uniform(-1, 1, x.shape)):
            for name, got in forms(within(uncertain, signs)):
                assert all(bounded.contains(array).all() for bounded, array in zip(moved, got, strict=True)), name
                centred = np.abs(got[0].astype(float) - got[2] - (moved[0].value.astype(float) - moved[2].value))
                assert (centred <= moved[0].centred_error).all(), name


def test_exact_data_leave_little_freedom():
    """A scale has a few units in the last place, and few codes are near a tie."""
    x = np.random.default_rng(0).standard_normal((64, 384)).astype(np.float32)

    codes, scale, zero_point = bounds.dynamic_quantize(x)

    assert scale.error < 10 * 2.0**-24 * scale.value
    assert zero_point.error == 0
    assert codes.error.max() <= 1
    assert codes.error.mean() < 1e-3


def test_zeros_are_exact_and_a_subnormal_range_is_disputed():
    """All zeros have scale 1; a range below the smallest normal scale has that scale or 1, and any code."""
    zeros, tiny = bounds.dynamic_quantize(np.zeros((2, 2), np.float32)), bounds.dynamic_quantize(np.float32([1e-37, 0]))

    assert [float(part.error.max()) for part in zeros] == [0, 0, 0]
    assert tiny.scale.contains(np.float32(1))
    assert tiny.scale.contains(np.float32(1e-37 / 255))
    assert tiny.codes.contains(np.uint8([255, 0])).all()


def test_bugs_leave_the_sets():
    """A range of 254 steps, a zero point that is truncated, a range that does not hold 0, and -127 as lowest code."""
    x = np.random.default_rng(1).uniform(2, 3, (8, 8)).astype(np.float32)
    codes, scale, _ = bounds.dynamic_quantize(x)
    low, high = x.min(), x.max()

    assert not scale.contains(high / np.float32(254))
    assert not scale.contains((high - low) / np.float32(255))
    assert not codes.contains(np.rint((x - low) / ((high - low) / 255))).all()
    shifted = bounds.dynamic_quantize(x - np.float32(2.4)).zero_point
    exact = (2.4 - low) / ((high - low) / 255)
    assert shifted.contains(np.rint(exact))
    assert not shifted.contains(np.rint(exact) + 1)
