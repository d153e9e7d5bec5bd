"""Operators of single elements: within their derived bounds everywhere, special values as the operators say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rowwise_runs import assert_within, everyhow, run

from distilspec.conformance import bounds
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.activations import ACTIVATIONS, GELU_ZERO, SILU_ZERO, TANH_EDGE
from distilspec.fast.kernels.elementwise import OF_TWO, elementwise
from distilspec.fast.kernels.layout import padded

targets = pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)
activations = pytest.mark.parametrize("name", ACTIVATIONS)

SPECIAL = np.float32([0, 1e-45, 1e-38, 1e-20, 1e-4, 0.5, 1, 3, 9, 20, 88, 89, 100, 1e4, 1e20, 3e38, np.inf, np.nan])


def applied(name, target, machine, *operands):
    """Return what the kernel makes of operands of any one size."""
    size = operands[0].size
    held = [np.zeros(padded(size, target.lanes), np.float32) for _ in operands]
    for buffer, operand in zip(held, operands, strict=True):
        buffer[:size] = operand
    out = np.zeros_like(held[0])
    vectors = out.size // target.lanes
    for first, last in ((0, vectors // 2), (vectors // 2, vectors)):
        run(elementwise, target, (name,), machine, *held, out, first, last)
    return out[:size]


@everyhow
@activations
def test_special_values(target, machine, name):
    """Zeros, subnormal numbers, infinities and NaN, numbers of every size, of both signs."""
    x = np.concatenate([SPECIAL, -SPECIAL])

    assert_within(applied(name, target, machine, x), getattr(bounds, name)(x))


@targets
@activations
def test_a_grid_is_within_the_bound(target, name):
    """Close to 0, along the curve, far outside, and beside every point where a form ends."""
    edges = np.float32([GELU_ZERO, SILU_ZERO, TANH_EDGE, -TANH_EDGE])
    beside = [np.nextafter(edges, np.float32(side)) for side in (-np.inf, np.inf)]
    far = np.geomspace(1e-30, 1e30, 5001)
    x = np.concatenate([np.linspace(-12, 12, 100_001), far, -far, edges, *beside]).astype(np.float32)

    assert_within(applied(name, target, True, x), getattr(bounds, name)(x))


@targets
@activations
@given(data=st.data())
def test_anything_is_within_the_bound(target, name, data):
    """A search for worse points."""
    x = np.float32(data.draw(st.lists(st.floats(width=32), min_size=1, max_size=40)))

    assert_within(applied(name, target, True, x), getattr(bounds, name)(x))


@everyhow
@pytest.mark.parametrize("name", OF_TWO)
def test_operators_of_two_are_exact_but_for_one_rounding(target, machine, name):
    """Every pair of special values."""
    values = np.concatenate([SPECIAL, -SPECIAL])
    x, y = (each.ravel() for each in np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        wanted = {"add": np.add, "multiply": np.multiply}[name](x, y)

    np.testing.assert_array_equal(applied(name, target, machine, x, y), wanted)


@activations
def test_all_targets_and_the_interpreter_give_the_same_bits(name):
    """NaN aside, whose payload is no part of the result."""
    x = np.linspace(-10, 10, 101, dtype=np.float32)

    results = [applied(name, target, False, x) for target in TARGETS.values()]
    results += [applied(name, target, True, x) for target in executable_targets()]

    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
