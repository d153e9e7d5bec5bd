"""Single operators on arrays as they come: strided, read-only, float64, empty, of any rank, beside every vector."""

from __future__ import annotations

import numpy as np
import pytest
from rowwise_runs import assert_within

from distilspec.conformance import bounds
from distilspec.fast import operators as fast
from distilspec.fast.isa import executable_targets
from distilspec.fast.isa.host import VARIABLE

RANDOM = np.random.default_rng(0)


def drawn(*shape):
    """Return normal values, float64: what a float32 operator rounds first."""
    return RANDOM.standard_normal(shape)


def codes(dtype, *shape):
    """Return codes of the full range."""
    ends = np.iinfo(dtype)
    return RANDOM.integers(ends.min, ends.max, shape, dtype, endpoint=True)


def calls(batch, tokens, features):
    """Return a call of every operator on [batch, tokens, features]: a name, its operands, its attributes."""
    x, weight, bias = drawn(batch, tokens, features), drawn(9, features), drawn(9)
    scale, zero_point, by_row = np.float32(0.03), np.uint8(131), np.float32(1 + RANDOM.random((batch, tokens, 1)))
    data, indices, indptr = drawn(2, 3, 1), np.int64([0, features - 1]), np.int32([0, 0, 1, 2])
    held, keys = codes(np.uint8, batch, tokens, features), drawn(batch, tokens + 3, features)
    quantized = (held, by_row, zero_point, codes(np.int8, 9, features), np.float32(bias**2 + 0.1), bias)
    blocks = (codes(np.int8, 2, 3, 1), indices, indptr)
    per_query = RANDOM.random((batch, tokens, tokens + 3)) < 0.5
    return [
        *((name, (x,), {}) for name in ("gelu", "gelu_tanh", "relu", "sigmoid", "silu", "tanh")),
        *((name, (x, drawn(tokens, 1)), {}) for name in ("add", "multiply")),
        ("linear", (x, weight, bias), {}),
        ("block_sparse_linear", (x, data, indices, indptr, bias), {}),
        ("quantized_linear", quantized, {}),
        ("quantized_linear", (*quantized, np.float32(4), np.int8(-3)), {}),
        ("quantized_block_sparse_linear", (*quantized[:3], *blocks, *quantized[4:]), {}),
        ("matmul_integer", (held, codes(np.int8, batch, features, 5), None, codes(np.int8, 5)), {}),
        ("quantize", (x, scale, zero_point), {}),
        ("quantize", (x, np.float32(0.1 + RANDOM.random(features)), codes(np.int8, features)), {"axis": -1}),
        ("quantize", (x, np.float32(0.1 + RANDOM.random(tokens)), codes(np.int8, tokens)), {"axis": 1}),
        ("dequantize", (held, by_row, zero_point), {}),
        ("dequantize", (codes(np.int32, features), np.float32(1 + RANDOM.random(features))), {"axis": 0}),
        ("dynamic_quantize", (x,), {}),
        ("dynamic_quantize_token", (x,), {}),
        ("layer_norm", (x, weight[0], weight[1]), {"epsilon": 1e-5}),
        ("l2_normalize", (x,), {}),
        ("l2_normalize", (x,), {"axis": 1}),
        ("mean_pool", (x, RANDOM.random((batch, tokens)) < 0.5), {}),
        ("cls_pool", (x,), {}),
        ("embedding", (RANDOM.integers(0, 9, (batch, tokens)), weight), {}),
        ("scaled_dot_product_attention", (x, keys, drawn(batch, tokens + 3, features + 2)), {"scale": 0.3}),
        ("scaled_dot_product_attention", (x, keys, keys[..., 1:], per_query), {"scale": 0.3}),
        ("scaled_dot_product_attention", (x, keys, keys, per_query[:, :1]), {"scale": -0.3}),
    ]


#: Rows and features beside every vector, no rows, and one of everything.
SHAPES = [(1, 1, 1), (2, 3, 7), (1, 9, 8), (3, 17, 9), (2, 33, 31), (0, 3, 5)]
everywhere = pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)


def outputs(result):
    """Return the results of an operator as a tuple."""
    return result if isinstance(result, tuple) else (result,)


@everywhere
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_operator_is_within_its_bound(target, shape, monkeypatch):
    """What is exact has a bound of nothing."""
    monkeypatch.setenv(VARIABLE, target.name)
    for name, operands, attributes in calls(*shape):
        held = [None if operand is None else float32(operand) for operand in operands]
        got = outputs(getattr(fast, name)(*held, **attributes))

        lifted = [None if operand is None else bounds.Bounded.exact(operand) for operand in held]
        allowed = outputs(getattr(bounds, name)(*lifted, **attributes))
        for found, expected in zip(got, allowed, strict=True):
            assert found.shape == np.shape(expected.value), name
            assert found.dtype == np.float32 or found.dtype == expected.value.dtype, name
            assert_within(found, expected)


def test_no_operator_is_forgotten():
    """Each is called above."""
    assert {name for name, _, _ in calls(1, 1, 1)} == set(fast.OPERATORS)


@everywhere
def test_operands_may_lie_in_any_way(target, monkeypatch):
    """Strided, reversed and read-only operands give the same bits, and float64 ones those of their rounded values."""
    monkeypatch.setenv(VARIABLE, target.name)
    for name, operands, attributes in calls(2, 9, 7):
        plain = outputs(getattr(fast, name)(*map(float32, operands), **attributes))
        odd = outputs(getattr(fast, name)(*map(scattered, operands), **attributes))
        for one, other in zip(plain, odd, strict=True):
            np.testing.assert_array_equal(one, other, name)


def float32(array):
    """Return real numbers rounded to float32, anything else as it is."""
    return array.astype(np.float32) if array is not None and array.dtype == np.float64 else array


def scattered(array):
    """Return the same values, not contiguous, in reverse order in memory, and read-only."""
    if array is None or not array.ndim:
        return array
    spaced = np.empty((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)[..., ::-2]
    spaced[:] = array
    spaced.flags.writeable = False
    return spaced
