"""The allowed set of ``quantize``: division or reciprocal, near ties both ways, an exact tie only to even."""

from __future__ import annotations

import float32_forms
import numpy as np
import pytest
from float32_arithmetic import leaving, within
from hypothesis import given
from hypothesis import strategies as st

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded
from distilspec.reference import ops

ZERO = {np.uint8: np.uint8(3), np.int8: np.int8(-5)}


@st.composite
def near_ties(draw):
    """Draw values within a few units in the last place of a tie, and a scale of any mantissa."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = np.float32(random.uniform(1, 2) * 2.0 ** draw(st.integers(-20, 20)))
    halves = random.integers(-600, 600, 64) / 2
    x = (halves * np.float64(scale)).astype(np.float32)
    for _ in range(draw(st.integers(0, 3))):
        x = np.nextafter(x, random.choice([-np.inf, np.inf], 64).astype(np.float32))
    return x, scale


def exact_ties(x, scale):
    """Return where x / scale is a half-integer in real numbers."""
    twice = 2 * x.astype(np.float64)
    halves = np.rint(twice / scale)
    return (halves * np.float64(scale) == twice) & (halves % 2 != 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@given(case=near_ties())
def test_division_and_reciprocal_are_allowed_and_an_exact_tie_is_no_freedom(dtype, case):
    """A reciprocal that misses an exact tie is outside; everything else is inside."""
    x, scale = case
    tie = exact_ties(x, scale)
    bounded = bounds.quantize(x, scale, ZERO[dtype])

    assert not bounded.error[tie].any()
    assert bounded.error.max() <= 1
    for name, codes in float32_forms.quantize(x, scale, ZERO[dtype]):
        assert bounded.contains(codes)[~tie].all(), name
    assert bounded.contains(ops.quantize(x, scale, ZERO[dtype])).all()


@given(case=near_ties(), share=st.floats(-24, 2), seed=st.integers(0, 2**32 - 1))
def test_uncertain_values_scales_and_zero_points_give_every_code_that_they_reach(case, share, seed):
    """Codes, and codes minus zero point, stay inside when all three operands move."""
    x, scale = case
    random = np.random.default_rng(seed)
    uncertain_x = Bounded(x, 2.0**share * scale * random.uniform(0, 1, x.shape))
    uncertain_scale = Bounded(np.asarray(scale), np.asarray(2.0**share / 256 * scale))
    uncertain_zero = Bounded(np.asarray(np.uint8(3)), np.asarray(1.0))
    bounded = bounds.quantize(uncertain_x, uncertain_scale, uncertain_zero)

    for step in (-1, 0, 1):
        moved_x = within(uncertain_x, random.choice([-1.0, 1.0], x.shape))
        moved_scale = within(uncertain_scale, random.uniform(-1, 1))
        zero = np.uint8(3 + step)
        for name, codes in float32_forms.quantize(moved_x, moved_scale, zero):
            assert bounded.contains(codes).all(), name
            centred = codes.astype(float) - zero
            assert (np.abs(centred - (bounded.value - 3.0)) <= bounded.centred_error).all(), name


def test_an_uncertain_zero_point_does_not_move_the_real_value():
    """Codes move with it, so that what they stand for stays where it is."""
    zero = Bounded(np.asarray(np.uint8(128)), np.asarray(1.0))

    codes = bounds.quantize(np.float32([0.3, -0.2]), np.float32(0.01), zero)

    assert codes.error.tolist() == [1, 1]
    assert codes.centred_error.tolist() == [0, 0]
    assert bounds.dequantize(codes, np.float32(0.01), zero).error.max() < 1e-7
    assert bounds.dequantize(codes, np.float32(0.01), bounds.lift(zero)).error.max() < 1e-7
    stranger = Bounded(zero.value, zero.error)
    assert bounds.dequantize(codes, np.float32(0.01), stranger).error.min() > 0.02


@given(st.floats(-140, 120), st.integers(0, 255), st.integers(0, 2**32 - 1), st.floats(-26, -2))
def test_dequantize_rounds_once(exponent, zero_point, seed, share):
    """From subnormal scales to those near overflow, with exact and with uncertain codes and scales."""
    random = np.random.default_rng(seed)
    codes, zero = random.integers(0, 255, 64, np.uint8, endpoint=True), np.asarray(np.uint8(zero_point))
    scale = np.asarray(np.float32(random.uniform(1, 2) * 2.0**exponent))
    moved_codes = Bounded(codes, random.integers(0, 2, 64).astype(np.float64))
    moved_scale = Bounded(scale, np.asarray(2.0**share * scale.astype(np.float64)))

    assert not leaving(bounds.dequantize(codes, scale, zero), float32_forms.dequantize, codes, scale, zero)
    for sign in (-1, 1):
        moved = bounds.dequantize(moved_codes, moved_scale, zero)
        realised = codes + sign * moved_codes.error, within(moved_scale, sign)
        assert not leaving(moved, float32_forms.dequantize, *realised, zero)


@pytest.mark.parametrize("scale", [np.float32(2), np.float32(0.125)])
def test_bugs_leave_the_set(scale):
    """Half away from zero, truncation, the zero point added before rounding, and a cast that wraps."""
    x = np.arange(-600, 600).astype(np.float32) * scale / 2
    bounded = bounds.quantize(x, scale, np.uint8(3))
    t = x / scale
    clip = lambda codes: np.clip(codes, 0, 255)  # noqa: E731

    assert bounded.contains(clip(np.rint(t) + 3)).all()
    assert not bounded.contains(clip(np.trunc(t + np.copysign(0.5, t)) + 3)).all()
    assert not bounded.contains(clip(np.trunc(t) + 3)).all()
    assert not bounded.contains(clip(np.rint(t + 3))).all()
    assert not bounded.contains((np.rint(t) + 3) % 256).all()


def test_infinities_saturate_and_nan_may_be_any_code():
    """Q-S4 and Q-S5."""
    bounded = bounds.quantize(np.float32([np.inf, -np.inf, np.nan, 1]), np.float32(0.5), np.int8(0))

    assert bounded.value[[0, 1, 3]].tolist() == [127, -128, 2]
    assert bounded.error[[0, 1, 3]].tolist() == [0, 0, 0]
    assert bounded.contains(np.int8([127, -128, 77, 2])).all()


def test_a_scale_per_channel():
    """The allowed set follows the axis."""
    x, scale, zero = np.float32([[1, 3], [1, 3]]), np.float32([2, 0.3]), np.int8([0, 1])

    rows = bounds.quantize(x, scale, zero, axis=0)

    assert rows.value.tolist() == [[0, 2], [4, 11]]
    assert rows.error.tolist() == [[0, 0], [0, 0]]
    back = bounds.dequantize(rows, scale, zero, axis=0)
    assert back.contains((rows.value.astype(np.float32) - [[0], [1]]).astype(np.float32) * scale[:, np.newaxis]).all()


def test_a_subnormal_scale_leaves_its_codes_open():
    """A processor that reads it as zero divides by zero; a neighbour with another scale is judged as ever."""
    bounded = bounds.quantize(np.float32([1e-39, 1]), np.float32([1e-40, 1]), np.zeros(2, np.uint8))

    assert bounded.contains(np.uint8([255, 1])).all()
    assert bounded.contains(np.uint8([0, 1])).all()
    assert not bounded.contains(np.uint8([0, 2])).all()
