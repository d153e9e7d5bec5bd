"""The bounds of the integer products: exact integers, a float32 epilogue in any order, and codes that may differ."""

from __future__ import annotations

import numpy as np
import pytest
from float32_arithmetic import leaving
from float32_forms import epilogues
from hypothesis import given
from hypothesis import strategies as st

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded
from distilspec.reference import ops


@st.composite
def cases(draw):
    """Draw codes over their full range, int8 weights, scales and bias."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, features, outputs = (
        draw(st.integers(1, 4)),
        draw(st.sampled_from([0, 1, 7, 64, 4096])),
        draw(st.integers(1, 5)),
    )
    dtype = draw(st.sampled_from([np.uint8, np.int8]))
    limits = np.iinfo(dtype)
    x = random.integers(limits.min, limits.max, (rows, features), dtype, endpoint=True)
    weight = random.integers(-128, 127, (outputs, features), np.int8, endpoint=True)
    x_scale = np.float32(2.0 ** random.uniform(-20, 4))
    weight_scale = (2.0 ** random.uniform(-20, 4, outputs)).astype(np.float32)
    bias = (random.standard_normal(outputs) * x_scale * 100).astype(np.float32)
    zero = np.asarray(random.integers(limits.min, limits.max, (), dtype, endpoint=True))
    return x, np.asarray(x_scale), zero, weight, weight_scale, bias


@given(cases())
def test_no_epilogue_leaves_the_bound(case):
    """Sums beyond 2**24 are rounded when they become float32."""
    x, x_scale, zero, weight, weight_scale, bias = case
    accumulator = (x.astype(np.int64) - zero) @ weight.T.astype(np.int64)
    bounded, sums = bounds.quantized_linear(*case), bounds.matmul_integer(x, weight.T, zero)

    assert not sums.error.any()
    assert (sums.value == accumulator).all()
    assert not leaving(bounded, epilogues, accumulator, x_scale, weight_scale, bias)
    packed = ops.pack_block_sparse(weight, block_shape=(1, 1))
    sparse = bounds.quantized_block_sparse_linear(x, x_scale, zero, *packed, weight_scale, bias)
    assert not leaving(sparse, epilogues, accumulator, x_scale, weight_scale, bias)


@given(cases(), st.integers(0, 2**32 - 1))
def test_codes_that_may_differ_by_one_stay_inside(case, seed):
    """The worst of them add up with the magnitudes of the weights."""
    x, x_scale, zero, weight, weight_scale, bias = case
    random = np.random.default_rng(seed)
    uncertain = Bounded(x, (random.uniform(size=x.shape) < 0.2).astype(np.float64))
    sums = bounds.matmul_integer(uncertain, weight.T, zero)
    bounded = bounds.quantized_linear(uncertain, x_scale, zero, weight, weight_scale, bias)

    for row in range(len(weight)):
        codes = x + uncertain.error * np.sign(weight[row])
        accumulator = ((codes - zero) @ weight.T).astype(np.int64)
        assert sums.contains(accumulator).all()
        for name, got in epilogues(accumulator, x_scale, weight_scale, bias):
            assert bounded.contains(got).all(), name


@given(cases())
def test_requantised_codes_are_those_that_the_bound_of_the_real_result_reaches(case):
    """The value before quantisation is not exposed, so that a near tie is a freedom."""
    x, x_scale, zero, weight, weight_scale, bias = case
    accumulator = (x.astype(np.int64) - zero) @ weight.T.astype(np.int64)
    y = bounds.quantized_linear(*case)
    y_scale = np.asarray(np.float32(max(np.abs(y.value).max() / 100, 1e-20)))
    codes = bounds.quantized_linear(*case, y_scale, np.asarray(np.int8(3)))

    for name, got in epilogues(accumulator, x_scale, weight_scale, bias):
        assert codes.contains(np.clip(np.rint(got / y_scale) + 3, -128, 127)).all(), name
        assert codes.contains(np.clip(np.rint(got * (1 / y_scale)) + 3, -128, 127)).all(), name


@pytest.mark.parametrize("block_shape", [(4, 1), (2, 4)])
def test_block_sparse_has_the_bound_of_the_dense_product(block_shape):
    """The same integers give the same value and the same bound."""
    random = np.random.default_rng(0)
    x = random.integers(0, 255, (3, 8), np.uint8, endpoint=True)
    weight = random.integers(-128, 127, (8, 8), np.int8, endpoint=True)
    weight[:4, :4] = 0
    packed = ops.pack_block_sparse(weight, block_shape=block_shape)
    rest = np.full(8, 0.01, np.float32), np.ones(8, np.float32)
    head = x, np.asarray(np.float32(0.1)), np.asarray(np.uint8(7))

    dense = bounds.quantized_linear(*head, weight, *rest)
    sparse = bounds.quantized_block_sparse_linear(*head, *packed, *rest)

    assert (sparse.value == dense.value).all()
    assert (sparse.error == dense.error).all()


def test_bugs_leave_the_bound():
    """16-bit saturation, a zero point that is left out, float16, a scale off by one channel, and an integer bias."""
    random = np.random.default_rng(1)
    x = random.integers(0, 255, (8, 64), np.uint8, endpoint=True)
    weight = random.integers(-127, 127, (16, 64), np.int8, endpoint=True)
    x_scale, zero = np.asarray(np.float32(0.02)), np.asarray(np.uint8(117))
    weight_scale, bias = (
        random.uniform(0.001, 0.01, 16).astype(np.float32),
        random.standard_normal(16).astype(np.float32),
    )
    bounded = bounds.quantized_linear(x, x_scale, zero, weight, weight_scale, bias)
    products = (x.astype(np.int64)[:, np.newaxis] * weight).reshape(8, 16, 32, 2)
    saturated = np.clip(products.sum(-1), -32768, 32767).sum(-1) - int(zero) * weight.sum(1, dtype=np.int64)
    right = (x.astype(np.int64) - zero) @ weight.T.astype(np.int64)
    scales = x_scale * weight_scale

    assert bounded.contains((right * scales + bias).astype(np.float32)).all()
    assert not bounded.contains(saturated * scales + bias).all()
    assert not bounded.contains(x.astype(np.int64) @ weight.T.astype(np.int64) * scales + bias).any()
    assert not bounded.contains((right * scales + bias).astype(np.float16)).all()
    assert not bounded.contains(right * np.roll(scales, 1) + bias).all()
    assert not bounded.contains((right + np.rint(bias / scales)) * scales).all()
