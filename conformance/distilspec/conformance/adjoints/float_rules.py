"""Derivatives of the float operators, pulled back: from d quantity / d result to d quantity / d operand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from distilspec.conformance.adjoints.rule import Pull, Rule, rows, summed_to
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, Float64Array

ROOT_TWO_OVER_PI = np.sqrt(2 / np.pi)


def _gelu_slope(x: Float64Array, _: Float64Array) -> Float64Array:
    return np.asarray(special.ndtr(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))


def _gelu_tanh_slope(x: Float64Array, _: Float64Array) -> Float64Array:
    share = special.expit(2 * ROOT_TWO_OVER_PI * (x + 0.044715 * x**3))
    return np.asarray(share + x * share * (1 - share) * 2 * ROOT_TWO_OVER_PI * (1 + 3 * 0.044715 * x**2))


def _silu_slope(x: Float64Array, _: Float64Array) -> Float64Array:
    share = special.expit(x)
    return np.asarray(share * (1 + x * (1 - share)))


#: f'(x), given x and y = f(x). At a kink, ``relu`` and ``absolute`` take the slope on the side of larger x.
SLOPES: Mapping[str, Callable[[Float64Array, Float64Array], Float64Array]] = {
    "absolute": lambda x, _: np.where(x < 0, -1.0, 1.0),
    "erf": lambda x, _: 2 / np.sqrt(np.pi) * np.exp(-(x**2)),
    "exp": lambda _, y: y,
    "gelu": _gelu_slope,
    "gelu_tanh": _gelu_tanh_slope,
    "negate": lambda x, _: -np.ones_like(x),
    "reciprocal": lambda _, y: -(y**2),
    "relu": lambda x, _: np.where(x < 0, 0.0, 1.0),
    "sigmoid": lambda _, y: y * (1 - y),
    "silu": _silu_slope,
    "sqrt": lambda _, y: 0.5 / y,
    "tanh": lambda _, y: 1 - y**2,
}


def _elementwise(slope: Callable[[Float64Array, Float64Array], Float64Array]) -> Rule:
    def rule(cotangents: Any, results: Any, x: Array) -> tuple[Pull, ...]:
        return (lambda: cotangents[0] * slope(real(x), real(results[0])),)

    return rule


def _add(cotangents: Any, _: Any, a: Array, b: Array) -> tuple[Pull, ...]:
    (g,) = cotangents
    return lambda: summed_to(g, a.shape), lambda: summed_to(g, b.shape)


def _subtract(cotangents: Any, _: Any, a: Array, b: Array) -> tuple[Pull, ...]:
    (g,) = cotangents
    return lambda: summed_to(g, a.shape), lambda: summed_to(-g, b.shape)


def _multiply(cotangents: Any, _: Any, a: Array, b: Array) -> tuple[Pull, ...]:
    (g,) = cotangents
    return lambda: summed_to(g * b, a.shape), lambda: summed_to(g * a, b.shape)


def _divide(cotangents: Any, results: Any, a: Array, b: Array) -> tuple[Pull, ...]:
    (g,), (y,) = cotangents, results
    return lambda: summed_to(g / b, a.shape), lambda: summed_to(-g * y / b, b.shape)


def _power(cotangents: Any, results: Any, a: Array, b: Array) -> tuple[Pull, ...]:
    (g,), (y,) = cotangents, results
    base, exponent = real(a), real(b)
    return (
        lambda: summed_to(g * exponent * base ** (exponent - 1), a.shape),
        lambda: summed_to(g * y * np.log(np.where(base > 0, base, 1.0)), b.shape),
    )


def _minimum(cotangents: Any, _: Any, a: Array, b: Array) -> tuple[Pull, ...]:
    (g,) = cotangents
    return lambda: summed_to(np.where(a <= b, g, 0.0), a.shape), lambda: summed_to(np.where(a <= b, 0.0, g), b.shape)


def _maximum(cotangents: Any, _: Any, a: Array, b: Array) -> tuple[Pull, ...]:
    (g,) = cotangents
    return lambda: summed_to(np.where(a >= b, g, 0.0), a.shape), lambda: summed_to(np.where(a >= b, 0.0, g), b.shape)


def _where(cotangents: Any, _: Any, condition: Array, a: Array, b: Array) -> tuple[Pull, ...]:
    (g,) = cotangents
    return (
        None,
        lambda: summed_to(np.where(condition, g, 0.0), a.shape),
        lambda: summed_to(np.where(condition, 0.0, g), b.shape),
    )


def _linear(cotangents: Any, _: Any, x: Array, weight: Array, bias: Array | None = None) -> tuple[Pull, ...]:
    (g,) = cotangents
    return lambda: g @ real(weight), lambda: rows(g).T @ rows(real(x)), lambda: rows(g).sum(axis=0)


def _block_sparse_linear(
    cotangents: Any, _: Any, x: Array, data: Array, indices: Array, indptr: Array, bias: Array | None = None
) -> tuple[Pull, ...]:
    (g,) = cotangents
    weight = ops.unpack_block_sparse(data, indices, indptr, in_features=x.shape[-1])
    return (
        lambda: g @ real(weight),
        lambda: blocks_of(rows(g).T @ rows(real(x)), data, indices, indptr),
        None,
        None,
        lambda: rows(g).sum(axis=0),
    )


def blocks_of(dense: Float64Array, data: Array, indices: Array, indptr: Array) -> Float64Array:
    """Return the blocks of a dense matrix at the places where a block-sparse one has its own."""
    _, out, in_ = data.shape
    blocks = dense.reshape(dense.shape[0] // out, out, dense.shape[1] // in_, in_).swapaxes(1, 2)
    return blocks[np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)), indices]


def _matmul(cotangents: Any, _: Any, a: Array, b: Array) -> tuple[Pull, ...]:
    (g,) = cotangents
    return (
        lambda: summed_to(g @ real(b).swapaxes(-1, -2), a.shape),
        lambda: summed_to(real(a).swapaxes(-1, -2) @ g, b.shape),
    )


def _layer_norm(cotangents: Any, _: Any, x: Array, weight: Array, bias: Array, *, epsilon: float) -> tuple[Pull, ...]:
    (g,) = cotangents
    d = real(x) - real(x).mean(axis=-1, keepdims=True)
    scale = np.sqrt((d**2).mean(axis=-1, keepdims=True) + epsilon)
    z, gz = d / scale, g * real(weight)

    def pull() -> Float64Array:
        along_z = z * (gz * z).mean(axis=-1, keepdims=True)
        return np.asarray((gz - gz.mean(axis=-1, keepdims=True) - along_z) / scale)

    return pull, lambda: rows(g * z).sum(axis=0), lambda: rows(g).sum(axis=0)


def _softmax(cotangents: Any, results: Any, x: Array, mask: Array | None = None, *, axis: int = -1) -> tuple[Pull, ...]:
    (g,), (p,) = cotangents, results
    return lambda: p * (g - (g * p).sum(axis=axis, keepdims=True)), None


def _scaled_dot_product_attention(
    cotangents: Any, _: Any, query: Array, key: Array, value: Array, mask: Array | None = None, *, scale: float
) -> tuple[Pull, ...]:
    (g,) = cotangents
    p = ops.softmax(scale * (real(query) @ real(key).swapaxes(-1, -2)), mask)
    gp = g @ real(value).swapaxes(-1, -2)
    gs = scale * p * (gp - (gp * p).sum(axis=-1, keepdims=True))
    return lambda: gs @ real(key), lambda: gs.swapaxes(-1, -2) @ real(query), lambda: p.swapaxes(-1, -2) @ g, None


def _reduce_sum(cotangents: Any, _: Any, x: Array, *, axes: tuple[int, ...], keepdims: bool = True) -> tuple[Pull, ...]:
    g = cotangents[0] if keepdims else np.expand_dims(cotangents[0], axes)
    return (lambda: np.broadcast_to(g, x.shape).copy(),)


def _reduce_mean(
    cotangents: Any, _: Any, x: Array, *, axes: tuple[int, ...], keepdims: bool = True
) -> tuple[Pull, ...]:
    g = cotangents[0] if keepdims else np.expand_dims(cotangents[0], axes)
    return (lambda: np.broadcast_to(g * (g.size / x.size), x.shape).copy(),)


def _mean_pool(cotangents: Any, _: Any, hidden_states: Array, attention_mask: Array) -> tuple[Pull, ...]:
    (g,) = cotangents
    kept = attention_mask[..., np.newaxis]
    return lambda: np.where(kept, (g / np.maximum(kept.sum(axis=1), 1))[:, np.newaxis], 0.0), None


def _l2_normalize(
    cotangents: Any, results: Any, x: Array, *, axis: int = -1, epsilon: float = 1e-12
) -> tuple[Pull, ...]:
    (g,), (y,) = cotangents, results
    length = np.sqrt((real(x) ** 2).sum(axis=axis, keepdims=True))
    radial = np.where(length > epsilon, (g * y).sum(axis=axis, keepdims=True), 0.0)
    return (lambda: (g - y * radial) / np.maximum(length, epsilon),)


def _embedding(cotangents: Any, _: Any, input_ids: Array, weight: Array) -> tuple[Pull, ...]:
    def pull() -> Float64Array:
        table = np.zeros(weight.shape)
        np.add.at(table, input_ids, cotangents[0])
        return table

    return None, pull


FLOAT_RULES: Mapping[str, Rule] = {
    **{name: _elementwise(slope) for name, slope in SLOPES.items()},
    "add": _add,
    "block_sparse_linear": _block_sparse_linear,
    "divide": _divide,
    "embedding": _embedding,
    "l2_normalize": _l2_normalize,
    "layer_norm": _layer_norm,
    "linear": _linear,
    "matmul": _matmul,
    "maximum": _maximum,
    "mean_pool": _mean_pool,
    "minimum": _minimum,
    "multiply": _multiply,
    "power": _power,
    "reduce_mean": _reduce_mean,
    "reduce_sum": _reduce_sum,
    "scaled_dot_product_attention": _scaled_dot_product_attention,
    "softmax": _softmax,
    "subtract": _subtract,
    "where": _where,
}
