"""The bound of ``linear``: safe against every order of summation, close to what a bad order reaches, and it bites."""

from __future__ import annotations

import float32_forms
import numpy as np
import torch
from float32_arithmetic import dots, leaving, tensors, within
from hypothesis import given
from hypothesis import strategies as st

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded


@st.composite
def cases(draw):
    """Draw x, weight and bias."""
    rows, features, outputs = draw(st.integers(1, 3)), draw(st.integers(0, 40)), draw(st.integers(1, 3))
    return draw(tensors(rows, features)), draw(tensors(outputs, features)), draw(tensors(outputs))


@given(cases())
def test_no_order_of_summation_leaves_the_bound(case):
    """Every order, in blocks and lanes, fused, and BLAS; bias first or last."""
    x, weight, bias = case

    assert not leaving(bounds.linear(x, weight), float32_forms.linear, x, weight)
    assert not leaving(bounds.linear(x, weight, bias), float32_forms.linear, x, weight, bias)


@given(cases(), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_operands_that_are_off_within_their_errors_stay_inside(case, share, seed):
    """The worst signs, and random ones, of the errors of x, weight and bias."""
    random = np.random.default_rng(seed)
    operands = [Bounded(operand.astype(np.float64), share * np.abs(operand)) for operand in case]
    bounded = bounds.linear(*operands)

    for signs in (np.sign, lambda array: random.uniform(-1, 1, array.shape)):
        moved = [within(operand, signs(operand.value)) for operand in operands]
        assert not leaving(bounded, float32_forms.linear, *moved)


def test_torch_stays_inside():
    """A real float32 runtime at a real size."""
    random = np.random.default_rng(0)
    x, weight, bias = (random.standard_normal(shape).astype(np.float32) for shape in ((32, 384), (384, 384), (384,)))

    got = torch.nn.functional.linear(*map(torch.from_numpy, (x, weight, bias))).numpy()

    assert bounds.linear(x, weight, bias).contains(got).all()


def test_bugs_leave_the_bound():
    """A dropped last term, a float16 output, a bfloat16 weight and a bias added twice are outside."""
    random = np.random.default_rng(1)
    x, weight, bias = (random.standard_normal(shape).astype(np.float32) for shape in ((8, 64), (16, 64), (16,)))
    bounded = bounds.linear(x, weight, bias)
    exact = x @ weight.T + bias
    truncated = (weight.view(np.uint32) & 0xFFFF0000).view(np.float32)

    assert bounded.contains(exact).all()
    assert not bounded.contains(x[:, :-1] @ weight[:, :-1].T + bias).any()
    assert not bounded.contains(exact + bias).any()
    assert not bounded.contains(exact.astype(np.float16)).all()
    assert not bounded.contains(x @ truncated.T + bias).all()


def test_sums_that_may_overflow_are_unbounded():
    """Some order of the first row reaches an infinity in float32, although the sum is in range."""
    x = np.float32([[3e38, 3e38, -3e38], [1e38, 1e38, -1e38]])

    error = bounds.linear(x, np.ones((1, 3), np.float32)).error

    assert np.isinf(error).tolist() == [[True], [False]]


def test_nan_and_infinity_must_come_out_as_ieee_754_says():
    """A special operand gives a special result, which is then exact."""
    x = np.float32([[np.inf, 1], [np.inf, -np.inf], [np.nan, 1], [1, 1]])

    bounded = bounds.linear(x, np.ones((1, 2), np.float32))

    assert bounded.error[:3, 0].tolist() == [0, 0, 0]
    assert bounded.contains(np.float32([[np.inf], [np.nan], [np.nan], [2]])).all()
    assert not bounded.contains(np.float32([[-np.inf], [1], [np.inf], [2.1]])).any()


@given(cases())
def test_block_sparse_has_the_bound_of_the_dense_product(case):
    """Left out blocks are exact zeros, and a sum over the stored blocks only stays inside."""
    x, weight, bias = case
    kept = weight.copy()
    kept[:, ::2] = 0
    packed = bounds.pack_block_sparse(kept, block_shape=(1, 1))

    sparse = bounds.block_sparse_linear(x, packed.data, packed.indices, packed.indptr, bias)

    for name, product in dots(x[:, 1::2], kept[:, 1::2]):
        assert sparse.contains(product + bias).all(), name
