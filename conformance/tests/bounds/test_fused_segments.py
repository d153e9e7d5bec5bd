"""Bounds of several steps between two exposed tensors: safe for fused float32 kernels, tight, and right for codes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from float32_arithmetic import leaving
from fused_segments import SEGMENTS, fused
from hypothesis import given, settings
from hypothesis import strategies as st
from worst_inputs import SEGMENT_PAGE, segment_used

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded
from distilspec.reference import ops

CHOICES = 6


def bounded(segment, operands):
    """Return the bound of a segment on exact operands."""
    return segment.run(bounds, *map(Bounded.exact, operands))


@pytest.mark.parametrize("name", SEGMENTS)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_fused_kernel_leaves_the_bound(name, seed):
    """Every operator inside takes a legitimate form of its own, chosen at random."""
    segment = SEGMENTS[name]
    operands = segment.draw(np.random.default_rng(seed))

    assert not leaving(bounded(segment, operands), fused(segment.run, CHOICES), *operands)


@pytest.mark.slow
@pytest.mark.parametrize("name", SEGMENTS)
@settings(max_examples=400)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_long_search_finds_no_fused_kernel_outside(name, seed):
    """The same, for longer."""
    segment = SEGMENTS[name]
    operands = segment.draw(np.random.default_rng(seed))

    assert not leaving(bounded(segment, operands), fused(segment.run, 4 * CHOICES), *operands)


@pytest.mark.parametrize("name", SEGMENTS)
def test_a_fused_kernel_reaches_a_tenth_of_the_bound(name):
    """On operands that make roundings add up, or that lie beside a tie; the page says how much."""
    used = segment_used(name)
    written = re.search(rf"\| {name} \| (\d+)% \|", SEGMENT_PAGE.read_text())

    assert 0.1 <= used <= 1
    assert abs(int(written[1]) / 100 - used) <= 0.011, "renew it: PYTHONPATH=conformance/tests python -m worst_inputs"


@given(st.integers(0, 2**32 - 1), st.floats(-12, 2))
def test_codes_made_inside_a_segment_are_those_of_every_value_within_its_bound(seed, exponent):
    """Q-S3, Q-S4: {quantize(v) : |v - reference| <= bound}, up to the quotient's own 2 ulp, and no larger."""
    random = np.random.default_rng(seed)
    scale, zero_point = np.float32(random.uniform(0.01, 1)), np.uint8(random.integers(0, 256))
    value = 40 * random.standard_normal(64) * scale
    error = 2.0**exponent * scale * random.uniform(0, 1, 64)
    allowed = bounds.quantize(Bounded(value, error), scale, zero_point)

    inside = value + error * np.linspace(-1, 1, 65)[:, np.newaxis]
    codes = ops.quantize(inside, scale, zero_point).astype(float)
    assert allowed.contains(codes).all()
    widened = error * (1 + 1e-6) + 2.0**-21 * np.abs(value) + 2.0**-20 * scale
    outside = [ops.quantize(value + side * widened, scale, zero_point).astype(float) for side in (-1, 1)]
    reached = np.max([np.abs(code - allowed.value) for code in outside], axis=0)
    assert (allowed.error <= reached).all()


def test_a_wrong_step_inside_a_segment_leaves_its_bound():
    """The tanh form of GELU, a bias that is added twice, heads in the wrong order, and codes that are off by one."""
    random = np.random.default_rng(5)
    x, weight, bias = (random.standard_normal(shape).astype(np.float32) for shape in ((16, 24), (8, 24), (8,)))
    activated = bounded(SEGMENTS["linear, gelu"], (x, weight, bias))
    hidden = ops.linear(x, weight, bias)

    assert activated.contains(ops.gelu(hidden).astype(np.float32)).all()
    assert not activated.contains(ops.gelu_tanh(hidden)).all()
    assert not activated.contains(ops.gelu(hidden + bias)).all()
    attention = SEGMENTS["linear, reshape, transpose, scaled_dot_product_attention, transpose, reshape"]
    tokens, *weights = (random.standard_normal(shape).astype(np.float32) for shape in ((2, 5, 12), *3 * [(4, 12)]))
    mask = np.ones((2, 1, 1, 5), np.bool_)
    context = bounded(attention, (tokens, *weights, mask))
    assert context.contains(context.value.astype(np.float32)).all()
    assert not context.contains(context.value[..., [2, 3, 0, 1]]).any()
    *operands, y_scale, zero = SEGMENTS["dequantize, linear, gelu, quantize"].draw(random)
    codes = bounded(SEGMENTS["dequantize, linear, gelu, quantize"], (*operands, y_scale, zero))
    assert not codes.contains(codes.value.astype(int) + 1).any()
