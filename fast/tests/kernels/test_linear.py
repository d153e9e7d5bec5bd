"""float32 products: within the derived bound, the same bits for every target, tile and split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_runs import product
from rowwise_runs import RUNS, assert_within, everyhow, sizes

from distilspec.conformance import bounds
from distilspec.fast.codegen.compile import assembly
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.epilogue import Epilogue
from distilspec.fast.kernels.linear import linear

targets = pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)


def drawn(seed, tokens, inputs, features):
    """Return x [tokens, inputs], a weight [features, inputs] and a bias [features]."""
    return [seed.standard_normal(shape, np.float32) for shape in ((tokens, inputs), (features, inputs), features)]


@everyhow
def test_every_size_is_within_the_bound(target, machine):
    """Numbers of tokens, inputs and features beside registers, tiles, panels and steps."""
    seed = np.random.default_rng(0)
    for tokens, inputs, features in zip(sizes(target), (1, 2, 3, 4, 5, 9, 8), (1, 4, 5, 6, 7, 13, 2), strict=False):
        x, weight, bias = drawn(seed, tokens, inputs, features)
        found = product("linear", target, x, weight, machine=machine, parts=2, bias=bias)
        assert_within(found, bounds.linear(x, weight, bias))


@targets
@given(data=st.data())
def test_anything_is_within_the_bound(target, data):
    """Inputs of very different size, so that sums cancel."""
    seed = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x, weight, bias = drawn(seed, *(data.draw(st.integers(1, most)) for most in (40, 70, 30)))
    x *= np.exp2(seed.integers(-20, 20, x.shape[1])).astype(np.float32)

    assert_within(product("linear", target, x, weight, bias=bias), bounds.linear(x, weight, bias))


@targets
def test_the_chain_begins_with_the_first_input_and_ends_with_the_bias(target):
    """What comes before 2^24 is added to it; small numbers behind it are lost one by one."""
    big = 2.0**24
    x = np.float32([[2, big, 0.75, 0.75, -big]])

    found = product("linear", target, x, np.ones((1, 5), np.float32), bias=np.float32([0.5]))

    assert found.tolist() == [[2.5]]


def test_all_targets_give_the_same_bits():
    """Interpreted or not."""
    x, weight, bias = drawn(np.random.default_rng(1), 19, 31, 9)
    results = [
        product("linear", target, x, weight, machine=machine, bias=bias, epilogue=Epilogue("tanh"))
        for target, machine in RUNS
    ]

    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_every_processor_target_multiplies_and_adds_at_once(target):
    """One instruction a product, none for the conversion of weights."""
    text = assembly([linear(target, target.dot, Epilogue())], target)

    wanted = {"neon-dot": "fmla\t"}.get(target.name, "vfmadd")
    if target.name != "portable":
        assert text.count(wanted) >= target.panel * target.dot
