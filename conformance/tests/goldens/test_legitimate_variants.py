"""
A legitimate runtime contradicts no golden: float32 throughout, reciprocals, other orders of sums, subnormal scales.

That a wrong runtime contradicts one is what the tests of mutants show.
"""

from __future__ import annotations

import functools
from collections import defaultdict

import numpy as np
import pytest
from scipy import special

from distilspec.conformance.check import check_operators
from distilspec.conformance.goldens import load_goldens
from distilspec.conformance.mutants import Mutant, MutantRuntime
from distilspec.conformance.result import State
from distilspec.reference import ops

F32 = np.float32
TINY = np.finfo(F32).tiny
SMALLEST = np.finfo(F32).smallest_subnormal


def layer_norm(x, weight, bias, *, epsilon):
    """Round every step to float32."""
    d = x - x.mean(axis=-1, keepdims=True)
    variance = (d * d).mean(axis=-1, keepdims=True)
    return d / np.sqrt(variance + F32(epsilon)) * weight + bias


def softmax(x, mask=None, *, axis=-1):
    """Skip masked entries, and round every step to float32."""
    kept = np.broadcast_to(True if mask is None else mask, x.shape)
    largest = x.max(axis=axis, keepdims=True, where=kept, initial=-np.inf)
    e = np.exp(x - largest, where=kept, out=np.zeros_like(x))
    return e / np.where(kept.any(axis=axis, keepdims=True), e.sum(axis=axis, keepdims=True), F32(1))


def attention(query, key, value, mask=None, *, scale):
    """Skip masked keys, and round every step to float32."""
    scores = query @ key.swapaxes(-1, -2) * F32(scale)
    kept = np.broadcast_to(True if mask is None else mask, scores.shape)
    products = softmax(scores, kept)[..., np.newaxis] * value[..., np.newaxis, :, :]
    return np.where(kept[..., np.newaxis], products, F32(0)).sum(axis=-2)


def gelu(x):
    """Take erf in float32, and 0 for -infinity times 0."""
    return np.where(np.isneginf(x), F32(0), F32(0.5) * x * (F32(1) + special.erf(x * F32(np.sqrt(0.5)))))


def l2_normalize(x, *, axis=-1, epsilon=1e-12):
    """Round every step to float32."""
    return x / np.maximum(np.sqrt((x * x).sum(axis=axis, keepdims=True)), F32(epsilon))


def linear(x, weight, bias=None):
    """Multiply with float32 BLAS, then add the bias."""
    y = x @ weight.T
    return y if bias is None else y + bias


def linear_from_the_end(x, weight, bias=None):
    """Sum from the last input to the first, in the order that float32 BLAS gives the reversed rows."""
    return linear(x[..., ::-1], weight[:, ::-1], bias)


def block_sparse_linear(x, data, indices, indptr, bias=None):
    """Multiply by the dense form."""
    return linear(x, ops.unpack_block_sparse(data, indices, indptr, in_features=x.shape[-1]), bias)


def clip(value, dtype):
    """Saturate, with 0 for NaN."""
    limits = np.iinfo(dtype)
    return np.nan_to_num(np.clip(value, limits.min, limits.max)).astype(dtype)


def times_reciprocal(x, divisor):
    """Multiply by the float32 reciprocal instead of dividing."""
    return x * (F32(1) / divisor)


def along(axis, x, parameter):
    """Return a scale or zero point so that it broadcasts along an axis."""
    return parameter if axis is None else parameter.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])


def quantize(x, scale, zero_point, *, axis=None):
    """Multiply by the reciprocal of the scale."""
    codes = np.rint(times_reciprocal(x.astype(F32), along(axis, x, scale)))
    return clip(codes.astype(np.float64) + along(axis, x, zero_point), zero_point.dtype)


def symmetric(by=np.divide, smallest=TINY):
    """Return a ``symmetric_scale`` that divides in its own way, and replaces scales below its own ``smallest``."""

    def symmetric_scale(largest, *, largest_code=127):
        scale = by(largest.astype(F32), F32(largest_code))
        return np.where(scale < smallest, F32(1), scale)

    return symmetric_scale


def asymmetric(by=np.divide, smallest=TINY):
    """Return an ``asymmetric_scale`` that divides in its own way, and replaces scales below its own ``smallest``."""

    def asymmetric_scale(minimum, maximum):
        low, high = np.minimum(minimum.astype(F32), F32(0)), np.maximum(maximum.astype(F32), F32(0))
        scale = by(high - low, F32(255))
        scale = np.where(scale < smallest, F32(1), scale)
        return scale, clip(np.rint(by(-low, scale)), np.uint8)

    return asymmetric_scale


def dynamic(scale_of, quantize=ops.quantize):
    """Return a ``dynamic_quantize`` from a rule for the scale and one for the codes."""

    def dynamic_quantize(x):
        x = x.astype(F32)
        scale, zero_point = scale_of(np.asarray(x.min(initial=0)), np.asarray(x.max(initial=0)))
        return quantize(x, scale, zero_point), scale, zero_point

    return dynamic_quantize


def dynamic_token(scale_of, quantize=ops.quantize):
    """Return a ``dynamic_quantize_token`` from a rule for the scale and one for the codes."""

    def dynamic_quantize_token(x):
        x, zero_point = x.astype(F32), np.zeros((), np.int8)
        scale = scale_of(np.abs(x).max(axis=-1, keepdims=True, initial=0))
        return quantize(x, scale, zero_point), scale, zero_point

    return dynamic_quantize_token


def product_of_scales(accumulator, x_scale, weight_scale):
    """Multiply the accumulators by one float32 factor an output."""
    return accumulator * (x_scale * weight_scale)


def one_scale_after_the_other(accumulator, x_scale, weight_scale):
    """Multiply the accumulators by the scale of the weight, then by that of the activations."""
    return accumulator * weight_scale * x_scale


def quantized_linear(rescale):
    """Return a ``quantized_linear`` whose epilogue is float32, with reciprocals."""

    def operator(x, x_scale, x_zero_point, weight, weight_scale, bias=None, y_scale=None, y_zero_point=None):
        y = rescale(ops.matmul_integer(x, weight.T, x_zero_point).astype(F32), x_scale, weight_scale)
        y = y if bias is None else y + bias
        return y if y_scale is None else quantize(y, y_scale, y_zero_point)

    return operator


def quantized_block_sparse_linear(x, x_scale, x_zero_point, data, indices, indptr, weight_scale, bias=None):
    """Multiply by the dense form, with a float32 epilogue."""
    weight = ops.unpack_block_sparse(data, indices, indptr, in_features=x.shape[-1])
    return quantized_linear(product_of_scales)(x, x_scale, x_zero_point, weight, weight_scale, bias)


VARIANTS = {
    "add": {"float32": np.add},
    "asymmetric_scale": {
        "reciprocals": asymmetric(by=times_reciprocal),
        "subnormal": asymmetric(smallest=SMALLEST),
    },
    "block_sparse_linear": {"float32": block_sparse_linear},
    "divide": {"float32": np.divide},
    "dynamic_quantize": {
        "reciprocals": dynamic(asymmetric(by=times_reciprocal), quantize),
        "subnormal": dynamic(asymmetric(smallest=SMALLEST)),
    },
    "dynamic_quantize_token": {
        "reciprocals": dynamic_token(symmetric(by=times_reciprocal), quantize),
        "subnormal": dynamic_token(symmetric(smallest=SMALLEST)),
    },
    "erf": {"float32": special.erf},
    "exp": {"float32": np.exp},
    "gelu": {"float32": gelu},
    "l2_normalize": {"float32": l2_normalize},
    "layer_norm": {"float32": layer_norm},
    "linear": {"float32": linear, "float32 from the end": linear_from_the_end},
    "matmul": {"float32": np.matmul},
    "multiply": {"float32": np.multiply},
    "power": {"float32": np.power},
    "quantize": {"reciprocals": quantize},
    "quantized_block_sparse_linear": {"float32": quantized_block_sparse_linear},
    "quantized_linear": {
        "float32": quantized_linear(product_of_scales),
        "float32, one scale after the other": quantized_linear(one_scale_after_the_other),
    },
    "reciprocal": {"float32": lambda x: F32(1) / x},
    "reduce_mean": {"float32": lambda x, *, axes, keepdims=True: x.mean(axis=axes, keepdims=keepdims)},
    "reduce_sum": {"float32": lambda x, *, axes, keepdims=True: x.sum(axis=axes, keepdims=keepdims)},
    "relu": {"float32": lambda x: np.maximum(x, F32(0))},
    "scaled_dot_product_attention": {"float32": attention},
    "sigmoid": {"float32": special.expit},
    "softmax": {"float32": softmax},
    "sqrt": {"float32": np.sqrt},
    "subtract": {"float32": np.subtract},
    "symmetric_scale": {
        "reciprocals": symmetric(by=times_reciprocal),
        "subnormal": symmetric(smallest=SMALLEST),
    },
    "tanh": {"float32": np.tanh},
}


@functools.cache
def goldens():
    """Return the golden cases by operator."""
    cases = defaultdict(list)
    for case in load_goldens():
        cases[case.operator].append(case)
    return cases


@pytest.mark.parametrize(
    ("operator", "variant"), [(operator, name) for operator, variants in VARIANTS.items() for name in variants]
)
def test_a_legitimate_variant_passes_every_golden(operator, variant):
    """An exact answer leaves no room, so it must be one that every legitimate computation gives."""
    runtime = MutantRuntime(Mutant(variant, operator, (), VARIANTS[operator][variant]))
    results = check_operators(runtime, goldens()[operator])

    assert results
    assert [(result.id, result.judgement.detail) for result in results if result.state is not State.PASS] == []
