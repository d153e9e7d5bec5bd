"""
How far a float32 evaluation of one operator may be from its real value, to first order in the unit roundoff.

Written from the formulas of the operators for the tests of the ONNX writer; the suite has its own, stricter bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special

from distilspec.reference.contract.types import Array, Float64Array

#: Unit roundoff of float32, and the error of an elementary function: 8 units in the last place.
U = 2.0**-24
FUNCTION = 16 * U

#: What the terms of second order may add.
SLACK = 1.01


def float32_bound(op: str, operands: tuple[Any, ...], attributes: Mapping[str, Any], result: Array) -> Float64Array:
    """Return the largest error of each element; an operator that is not named here is right to the last bit."""
    bound = BOUNDS.get(op)
    if bound is None or result.dtype.kind != "f":
        return np.zeros(result.shape)
    return SLACK * bound(*operands, **attributes) + U * np.abs(result)


def _sum(a, b):
    return U * np.abs(a.astype(np.float64) + b)


def _function(function, roundings=0):
    def bound(x):
        return (FUNCTION + roundings * U) * np.abs(function(x.astype(np.float64)))

    return bound


def _linear(x, weight, bias=None):
    n = x.shape[-1] + 1
    size = np.abs(x.astype(np.float64)) @ np.abs(weight.astype(np.float64)).T
    return n * U * (size if bias is None else size + np.abs(bias))


def _matmul(a, b):
    return a.shape[-1] * U * (np.abs(a.astype(np.float64)) @ np.abs(b.astype(np.float64)))


def _quantized_linear(x, x_scale, x_zero_point, weight, weight_scale, bias=None):
    centred = np.abs(x.astype(np.float64) - x_zero_point) * x_scale
    size = centred @ (np.abs(weight.astype(np.float64)) * weight_scale[:, None]).T
    return (x.shape[-1] + 4) * U * (size if bias is None else size + np.abs(bias))


def _gelu(x):
    z = x.astype(np.float64) / np.sqrt(2.0)
    slope = 2.0 / np.sqrt(np.pi) * np.exp(-(z**2))
    inside = slope * np.abs(z) * 3 * U + FUNCTION * np.abs(special.erf(z)) + U * (1 + special.erf(z))
    return np.abs(x) / 2 * (inside + 3 * U * (1 + special.erf(z)))


def _gelu_tanh(x):
    t = np.sqrt(2 / np.pi) * (x.astype(np.float64) + 0.044715 * x.astype(np.float64) ** 3)
    inside = (1 - np.tanh(t) ** 2) * np.abs(t) * 8 * U + FUNCTION * np.abs(np.tanh(t)) + U * (1 + np.tanh(t))
    return np.abs(x) / 2 * (inside + 3 * U * (1 + np.tanh(t)))


def _softmax_relative(x, mask, axis):
    kept = np.broadcast_to(True if mask is None else mask, x.shape)
    low, high = (pick(x, axis=axis, keepdims=True, where=kept, initial=0.0) for pick in (np.min, np.max))
    spread = high - low
    return (2 * spread + x.shape[axis] + 4) * U + 2 * FUNCTION


def _softmax(x, mask=None, *, axis=-1):
    return _softmax_relative(x.astype(np.float64), mask, axis)


def _attention(query, key, value, mask=None, *, scale):
    q, k, v = (operand.astype(np.float64) for operand in (query, key, value))
    scores = q @ k.swapaxes(-1, -2) * scale
    wrong = (q.shape[-1] + 2) * U * (np.abs(q) @ np.abs(k).swapaxes(-1, -2)).max(axis=-1, keepdims=True) * abs(scale)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True)) * (True if mask is None else mask)
    weights = e / np.maximum(e.sum(axis=-1, keepdims=True), np.finfo(np.float64).tiny)
    relative = _softmax_relative(scores, mask, -1) + 2 * wrong + (scores.shape[-1] + 1) * U
    return (weights * relative) @ np.abs(v)


def _layer_norm(x, weight, bias, *, epsilon):
    x = x.astype(np.float64)
    n = x.shape[-1]
    d = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((d**2).mean(axis=-1, keepdims=True) + epsilon)
    shift = (n + 2) * U * np.abs(x).max(axis=-1, keepdims=True) / deviation
    z = np.abs(d) / deviation
    return np.abs(weight) * (shift + z * (shift + (n + 10) * U)) + U * (np.abs(weight) * z + np.abs(bias))


def _mean_pool(hidden_states, attention_mask):
    kept = attention_mask[..., None]
    size = np.where(kept, np.abs(hidden_states.astype(np.float64)), 0).sum(axis=1) / np.maximum(kept.sum(axis=1), 1)
    return (hidden_states.shape[1] + 1) * U * size


def _l2_normalize(x, *, axis=-1, epsilon=1e-12):
    norm = np.sqrt((x.astype(np.float64) ** 2).sum(axis=axis, keepdims=True))
    return (x.shape[axis] + 4) * U * np.abs(x) / np.maximum(norm, epsilon)


def _reduction(x, *, axes, keepdims=True):
    count = np.prod([x.shape[axis] for axis in axes])
    return count * U * np.abs(x.astype(np.float64)).sum(axis=axes, keepdims=keepdims)


BOUNDS = {
    "add": _sum,
    "exp": _function(np.exp),
    "erf": _function(special.erf),
    "tanh": _function(np.tanh),
    "sigmoid": _function(special.expit, 2),
    "silu": _function(lambda x: x * special.expit(x), 3),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "linear": _linear,
    "matmul": _matmul,
    "quantized_linear": _quantized_linear,
    "softmax": _softmax,
    "scaled_dot_product_attention": _attention,
    "layer_norm": _layer_norm,
    "mean_pool": _mean_pool,
    "l2_normalize": _l2_normalize,
    "reduce_sum": _reduction,
    "reduce_mean": _reduction,
}
