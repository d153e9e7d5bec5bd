"""Reverse rules of products, normalisation and attention."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from distilspec.conformance.adjoints.rule import Applied, Pullback, summed_to
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, Float64Array
from distilspec.reference.ops import softmax as reference_softmax


def rows(x: Array) -> Float64Array:
    """Return ``x`` in float64 as a matrix of its last axis."""
    return real(x).reshape(-1, x.shape[-1])


def linear(step: Applied) -> Pullback:
    """Y = x W^T + b."""
    x, weight = step.operands[:2]
    g = step.cotangent
    return {
        0: lambda: g @ real(weight),
        1: lambda: rows(g).T @ rows(x),
        2: lambda: rows(g).sum(axis=0),
    }


def block_sparse_linear(step: Applied) -> Pullback:
    """Y = x W^T + b with W in block-sparse form."""
    x, data, indices, indptr = step.operands[:4]
    g = step.cotangent
    weight = sparse.bsr_array((real(data), indices, indptr), shape=(g.shape[-1], x.shape[-1]))
    return {0: lambda: (weight.T @ rows(g).T).T.reshape(x.shape), 4: lambda: rows(g).sum(axis=0)}


def matmul(step: Applied) -> Pullback:
    """Y = a b over the last two axes."""
    a, b = step.operands
    g = step.cotangent
    return {
        0: lambda: summed_to(g @ real(b).swapaxes(-1, -2), a.shape),
        1: lambda: summed_to(real(a).swapaxes(-1, -2) @ g, b.shape),
    }


def layer_norm(step: Applied) -> Pullback:
    """Y = n w + b with n = (x - mean) / sqrt(variance + epsilon)."""
    x, weight, bias = step.operands
    g = step.cotangent
    centred = real(x) - real(x).mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + step.attributes["epsilon"])
    n = centred / deviation

    def x_gradient() -> Float64Array:
        scaled = g * real(weight)
        along = (scaled * n).mean(axis=-1, keepdims=True)
        gradient: Float64Array = (scaled - scaled.mean(axis=-1, keepdims=True) - n * along) / deviation
        return gradient

    return {0: x_gradient, 1: lambda: summed_to(g * n, weight.shape), 2: lambda: summed_to(g, bias.shape)}


def softmax(step: Applied) -> Pullback:
    """Dx = y (g - sum(g y)); masked entries have y = 0."""
    axis = step.attributes.get("axis", -1)
    return {0: lambda: _through_softmax(real(step.result), step.cotangent, axis)}


def scaled_dot_product_attention(step: Applied) -> Pullback:
    """Y = softmax(scale q k^T) v."""
    query, key, value = (real(operand) for operand in step.operands[:3])
    mask = step.operands[3] if len(step.operands) > 3 else None
    scale = step.attributes["scale"]
    g = step.cotangent
    weights = reference_softmax(query @ key.swapaxes(-1, -2) * scale, mask)
    finite_key, finite_value = (np.where(np.isfinite(held), held, 0.0) for held in (key, value))
    scores = _through_softmax(weights, g @ finite_value.swapaxes(-1, -2), -1) * scale
    return {
        0: lambda: scores @ finite_key,
        1: lambda: scores.swapaxes(-1, -2) @ query,
        2: lambda: weights.swapaxes(-1, -2) @ g,
    }


def l2_normalize(step: Applied) -> Pullback:
    """Y = x / max(norm, epsilon)."""
    (x,) = step.operands
    axis, epsilon = step.attributes.get("axis", -1), step.attributes.get("epsilon", 1e-12)
    norm = np.sqrt((real(x) ** 2).sum(axis=axis, keepdims=True))
    g, y = step.cotangent, real(step.result)
    along = np.where(norm > epsilon, (g * y).sum(axis=axis, keepdims=True), 0.0)
    return {0: lambda: (g - y * along) / np.maximum(norm, epsilon)}


def cls_pool(step: Applied) -> Pullback:
    """Y = the first token."""

    def gradient() -> Float64Array:
        full = np.zeros(step.operands[0].shape)
        full[:, 0] = step.cotangent
        return full

    return {0: gradient}


def mean_pool(step: Applied) -> Pullback:
    """Y = the mean of the tokens that are kept."""
    kept = step.operands[1].astype(np.float64)[..., np.newaxis]
    share = kept / np.maximum(kept.sum(axis=1, keepdims=True), 1)
    return {0: lambda: step.cotangent[:, np.newaxis] * share}


def _through_softmax(y: Float64Array, g: Float64Array, axis: int) -> Float64Array:
    gradient: Float64Array = y * (g - (g * y).sum(axis=axis, keepdims=True))
    return gradient
