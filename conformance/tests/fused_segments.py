"""
Several operators between two exposed tensors, as functions over a namespace, with operands that hurt their sums.

``Float32`` runs them in float32, each operator by a legitimate form that is drawn at random: a fused kernel's choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import float32_forms
import numpy as np
from float32_arithmetic import make

from distilspec.reference import ops

KINDS = ("normal", "cancelling", "one large and many small", "integers", "offset")
LOST = np.float32(0.999 * 2.0**-24)
TERMS = 400

#: The scale of codes in attention.
STEP = np.asarray(np.float32(0.05))


class Float32:
    """Operators in float32, with random choices among the legitimate forms; what only moves elements is exact."""

    def __init__(self, seed):
        self._random = np.random.default_rng(seed)

    def __getattr__(self, operator):
        forms = getattr(float32_forms, operator, None)
        if forms is None:
            return getattr(ops, operator)

        def evaluate(*operands, **attributes):
            results = list(forms(*operands, **attributes))
            return results[self._random.integers(len(results))][1]

        return evaluate


def fused(segment, choices):
    """Return the forms of a segment: ``choices`` runs, each with forms of its own."""

    def forms(*operands):
        for seed in range(choices):
            yield f"choice {seed}", segment(Float32(seed), *operands)

    return forms


def linear_gelu(ops, x, weight, bias):
    """Return what a fused matrix product with an activation returns."""
    return ops.gelu(ops.linear(x, weight, bias))


def linear_add_layer_norm(ops, x, weight, bias, residual, gain, shift):
    """Return the end of an encoder's sublayer."""
    return ops.layer_norm(ops.add(ops.linear(x, weight, bias), residual), gain, shift, epsilon=1e-5)


def projected_attention(ops, x, query, key, value, mask):
    """Return attention of two heads with its three projections."""
    batch, tokens, _ = x.shape

    def heads(weight):
        split = ops.reshape(ops.linear(x, weight), shape=(batch, tokens, 2, -1))
        return ops.transpose(split, axes=(0, 2, 1, 3))

    context = ops.scaled_dot_product_attention(heads(query), heads(key), heads(value), mask, scale=0.7)
    return ops.reshape(ops.transpose(context, axes=(0, 2, 1, 3)), shape=(batch, tokens, -1))


def dequantize_linear_gelu_quantize(ops, codes, scale, zero_point, weight, weight_scale, bias, y_scale, y_zero_point):
    """Return the codes of an activation whose real values are not exposed."""
    x = ops.dequantize(codes, scale, zero_point)
    hidden = ops.linear(x, ops.dequantize(weight, weight_scale, axis=0), bias)
    return ops.quantize(ops.gelu(hidden), y_scale, y_zero_point)


def dynamic_linear_gelu(ops, x, weight, weight_scale, bias):
    """Return a dynamically quantised Linear with its activation."""
    codes, scale, zero_point = ops.dynamic_quantize(x)
    return ops.gelu(ops.quantized_linear(codes, scale, zero_point, weight, weight_scale, bias))


def attention_of_codes(ops, query, key, value, score_scale, mask):
    """Return attention as ``w8a8-static-attn`` says it, from its floats to its floats."""
    query_zero, weight_zero, signed_zero = np.asarray(np.uint8(120)), np.asarray(np.uint8(0)), np.asarray(np.int8(0))
    query = ops.quantize(query, STEP, query_zero)
    key, value = ops.quantize(key, STEP, signed_zero), ops.quantize(value, STEP, signed_zero)
    products = ops.matmul_integer(query, ops.transpose(key, axes=(0, 1, 3, 2)), query_zero)
    weights = ops.softmax(ops.dequantize(products, score_scale), mask)
    largest = ops.maximum(ops.reduce_max(weights, axes=(-1,)), np.asarray(np.finfo(np.float32).tiny))
    codes = ops.quantize(ops.divide(weights, largest), np.asarray(np.float32(1 / 255)), weight_zero)
    total = ops.reduce_sum(ops.cast(codes, dtype="float"), axes=(3,))
    summed = ops.dequantize(ops.matmul_integer(codes, value, weight_zero), STEP)
    return ops.divide(summed, ops.maximum(total, np.asarray(np.float32(1))))


@dataclass(frozen=True)
class Segment:
    """
    A segment, random operands for it, and operands that make its roundings add up.

    Parameters
    ----------
    run : callable
        Takes a namespace and the operands.
    draw : callable
        Takes a random generator, and returns operands.
    worst : callable
        Returns operands.
    """

    run: Callable
    draw: Callable
    worst: Callable


def _floats(random, *shapes):
    return tuple(make(random.choice(KINDS), random, shape, int(random.integers(-2, 3))) for shape in shapes)


def _weight(random, *shape):
    return random.integers(-128, 127, shape, np.int8, endpoint=True)


def _lost():
    x = np.full((1, TERMS), LOST, np.float32)
    x[0, 0] = 1
    return x


def _alternating(rows):
    """Return weights whose products with ``_lost`` lose addends upwards and downwards in turn."""
    weight = np.ones((rows, TERMS), np.float32)
    weight[1::2, 1:] = -1
    return weight


def _draw_attention(random):
    x, *weights = _floats(random, (2, 5, 12), (4, 12), (4, 12), (4, 12))
    return x, *weights, random.uniform(size=(2, 1, 1, 5)) < 0.8


def _worst_attention():
    x = np.stack([_lost(), -_lost()], axis=1)
    weight = np.ones((2, TERMS), np.float32)
    return x, weight, weight, weight, np.ones((1, 1, 1, 2), np.bool_)


def _draw_codes(random):
    codes, zero = random.integers(0, 255, (3, 24), np.uint8, endpoint=True), np.asarray(np.uint8(100))
    scales, (bias,) = random.uniform(0.001, 0.01, 6).astype(np.float32), _floats(random, (6,))
    y_scale = np.asarray(np.float32(random.uniform(0.001, 0.05)))
    return (
        codes,
        np.asarray(np.float32(0.03)),
        zero,
        _weight(random, 6, 24),
        scales,
        bias,
        y_scale,
        np.asarray(np.uint8(9)),
    )


def _worst_codes():
    """Return operands whose first result is as near to a tie as a float32 scale allows."""
    *operands, _, zero = _draw_codes(np.random.default_rng(3))
    codes, scale, zero_point, weight, weight_scale, bias = operands
    x = ops.dequantize(codes, scale, zero_point)
    hidden = ops.gelu(ops.linear(x, ops.dequantize(weight, weight_scale, axis=0), bias))
    return *operands, np.asarray(np.float32(hidden.max() / 45.5)), zero


def _draw_dynamic(random):
    (x, bias), scales = _floats(random, (3, 24), (6,)), random.uniform(0.001, 0.01, 6).astype(np.float32)
    return x, _weight(random, 6, 24), scales, bias


def _worst_dynamic():
    return _draw_dynamic(np.random.default_rng(6))


def _draw_attention_of_codes(random):
    operands = (STEP * random.integers(-160, 160, (2, 2, 5, 4)).astype(np.float32) for _ in range(3))
    score_scale = np.asarray(np.float32(10.0 ** random.uniform(-6, -3)))
    return *operands, score_scale, random.uniform(size=(2, 1, 1, 5)) < 0.8


def _worst_attention_of_codes():
    """Return operands whose second key's weight is as near to a tie as a float32 scale allows."""
    query, key, value = (np.zeros((1, 1, 2, 1), np.float32) for _ in range(3))
    query[..., 0, 0], key[..., 0] = 100 * STEP, STEP * np.float32([100, 0])
    value[..., 0] = STEP * np.float32([127, -128])
    return query, key, value, np.asarray(np.float32(np.log(255 / 100.5) / 100**2)), np.ones((1, 1, 1, 2), np.bool_)


SEGMENTS = {
    "linear, gelu": Segment(
        linear_gelu,
        lambda random: _floats(random, (3, 24), (4, 24), (4,)),
        lambda: (_lost(), np.ones((1, TERMS), np.float32), np.zeros(1, np.float32)),
    ),
    "linear, add, layer_norm": Segment(
        linear_add_layer_norm,
        lambda random: _floats(random, (3, 24), (8, 24), (8,), (3, 8), (8,), (8,)),
        lambda: (
            *(_lost(), _alternating(8), np.zeros(8, np.float32)),
            *(np.float32([[1, 1, -1, -1, 1, 1, -1, -1]]), np.ones(8, np.float32), np.zeros(8, np.float32)),
        ),
    ),
    "linear, reshape, transpose, scaled_dot_product_attention, transpose, reshape": Segment(
        projected_attention, _draw_attention, _worst_attention
    ),
    "dequantize, linear, gelu, quantize": Segment(dequantize_linear_gelu_quantize, _draw_codes, _worst_codes),
    "quantize, matmul_integer, dequantize, softmax, quantize, matmul_integer, dequantize, divide": Segment(
        attention_of_codes, _draw_attention_of_codes, _worst_attention_of_codes
    ),
    "dynamic_quantize, quantized_linear, gelu": Segment(dynamic_linear_gelu, _draw_dynamic, _worst_dynamic),
}
