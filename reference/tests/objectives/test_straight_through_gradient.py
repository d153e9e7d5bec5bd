"""``straight_through_gradient`` against exact rational arithmetic, and torch's own as a second opinion."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from exact import float32, round_half_even
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.objectives import straight_through_gradient
from distilspec.reference.recipes import quantize_weight

SCALES = st.floats(2.0**-149, 2.0**120, width=32) | st.integers(-20, 20).map(lambda exponent: 2.0**exponent)
ZERO_POINTS = st.integers(0, 255).map(np.uint8) | st.integers(-128, 127).map(np.int8)
GRADIENTS = st.floats(-(2.0**500), 2.0**500)


def passes(x, scale, zero_point):
    """Return whether a finite x gets its code without saturation, from fractions alone."""
    limits = np.iinfo(zero_point.dtype)
    try:
        quotient = float32(float32(Fraction(x)) / Fraction(float(scale)))
    except OverflowError:
        return False
    return limits.min <= round_half_even(quotient) + int(zero_point) <= limits.max


@st.composite
def cases(draw):
    """Draw a scale, a zero point, gradients, and values on, beside and far from where the codes end."""
    scale, zero_point = draw(SCALES), draw(ZERO_POINTS)
    limits = np.iinfo(zero_point.dtype)
    ends = st.sampled_from([float(limits.min) - float(zero_point), float(limits.max) - float(zero_point)])
    edge = st.builds(lambda end, off: (end + off) * scale, ends, st.sampled_from([-1, -0.5, 0.0, 0.5, 1]))
    beside = edge.flatmap(lambda x: st.sampled_from([np.nextafter(np.float32(x), np.float32(s)) for s in (-1, 1)]))
    x = draw(st.lists(edge | beside.map(float) | st.floats(-1e300, 1e300), min_size=1, max_size=20))
    gradient = draw(st.lists(GRADIENTS, min_size=len(x), max_size=len(x)))
    return np.array(gradient), np.array(x), np.float32(scale), zero_point


@given(cases())
def test_what_is_not_clipped_passes_and_nothing_else(case):
    """STG-S1, STG-S2, STG-S3: the gradient itself, or 0, by exact arithmetic."""
    gradient, x, scale, zero_point = case

    got = straight_through_gradient(gradient, x, scale, zero_point)

    assert (got.dtype, got.shape) == (np.float64, x.shape)
    assert got.tolist() == [
        one if passes(value, scale, zero_point) else 0.0
        for one, value in zip(gradient.tolist(), x.tolist(), strict=True)
    ]


def test_half_a_step_beyond_the_last_code_still_passes():
    """STG-S1, STG-S2: rounding comes before the comparison, and ties go to even before the zero point is added."""
    x = np.float32([-129, -128.5, 127, 127.5, 127.49])

    assert straight_through_gradient(np.ones(5), x, np.float32(1), np.int8(0)).tolist() == [0, 1, 1, 0, 1]
    assert straight_through_gradient(np.ones(5), x - 1, np.float32(1), np.int8(1)).tolist() == [0, 0, 1, 1, 1]


def test_x_and_the_quotient_are_rounded_to_float32_first():
    """STG-S1: both lie below 127.5, whose code would be 127; their float32 is 127.5 itself, which goes to 128."""
    x, scale = np.float32(127.5 - 2.0**-17), np.float32(1 - 2.0**-24)
    assert Fraction(float(x)) / Fraction(float(scale)) < Fraction(255, 2)

    assert straight_through_gradient(np.float64(1), np.float64(127.5 - 2.0**-40), np.float32(1), np.int8(0)) == 0
    assert straight_through_gradient(np.float64(1), x, scale, np.int8(0)) == 0


@st.composite
def matrices(draw):
    """Draw quarters of a step around both ends, with scales that are powers of two, one a row, and zero points."""
    rows = draw(st.integers(1, 4))
    quarters = st.lists(st.integers(-1600, 1600), min_size=5, max_size=5)
    steps = np.array([draw(quarters) for _ in range(rows)]) / 4
    scales = np.float32([2.0 ** draw(st.integers(-8, 3)) for _ in range(rows)])
    zero_points = np.array([draw(st.integers(-128, 127)) for _ in range(rows)], np.int8)
    return (steps * scales[:, None]).astype(np.float32), scales, zero_points


@given(matrices())
def test_torch_takes_the_same_gradient(case):
    """STG-S1, STG-S2: for each tensor and for each channel; with powers of two torch's 1 / scale is exact too."""
    x, scales, zero_points = case
    gradient = np.random.default_rng(0).normal(size=x.shape).astype(np.float32)

    channels = torch.tensor(x, requires_grad=True)
    torch.fake_quantize_per_channel_affine(
        channels, torch.tensor(scales), torch.tensor(zero_points.astype(np.int32)), 0, -128, 127
    ).backward(torch.tensor(gradient))
    got = straight_through_gradient(gradient, x, scales, zero_points, axis=0)
    np.testing.assert_array_equal(got, channels.grad.numpy())
    np.testing.assert_array_equal(
        straight_through_gradient(gradient.T, x.T, scales, zero_points, axis=-1), channels.grad.numpy().T
    )

    tensor, zero_point = torch.tensor(x, requires_grad=True), int(zero_points[0]) + 128
    torch.fake_quantize_per_tensor_affine(tensor, float(scales[0]), zero_point, 0, 255).backward(torch.tensor(gradient))
    got = straight_through_gradient(gradient, x, scales[0], np.uint8(zero_point))
    np.testing.assert_array_equal(got, tensor.grad.numpy())


@pytest.mark.parametrize("recipe", [recipe for recipe in Recipe if recipe is not Recipe.FP32])
@given(rows=st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3)))
def test_a_weight_under_its_own_scale_is_never_clipped(recipe, rows):
    """STG-S2: so training may set it to codes times scale, and take the gradient there as its own."""
    weight = np.array(rows, np.float32).reshape(-1, 3)
    codes, scale = quantize_weight(weight, recipe)

    got = straight_through_gradient(np.ones(weight.shape), weight, scale, np.zeros(len(weight), np.int8), axis=0)

    assert codes.shape == got.shape
    assert got.all()


X, ONE, ZERO = np.zeros((2, 3), np.float32), np.float32(1), np.int8(0)


@pytest.mark.parametrize(
    ("gradient", "x", "scale", "zero_point", "error", "clause"),
    [
        (X, X.astype(np.int64), ONE, ZERO, DTypeError, "Q-C1"),
        (X, X, ONE, np.int32(0), DTypeError, "Q-C1"),
        (X, X, np.ones(2, np.float32), ZERO, ShapeError, "Q-C2"),
        (X, X, np.float32(0), ZERO, RangeError, "Q-C3"),
        (X.astype(np.int64), X, ONE, ZERO, DTypeError, "STG-C2"),
        (X[:1], X, ONE, ZERO, ShapeError, "STG-C2"),
        (X + np.inf, X, ONE, ZERO, RangeError, "STG-C3"),
        (X, X + np.nan, ONE, ZERO, RangeError, "STG-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(gradient, x, scale, zero_point, error, clause):
    """STG-C1 to STG-C3."""
    with violates(error, clause):
        straight_through_gradient(gradient, x, scale, zero_point)
