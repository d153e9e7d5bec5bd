"""Bound of ``scaled_dot_product_attention``: docs/derivations/scaled_dot_product_attention.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, decided, read, result
from distilspec.conformance.bounds.matmul import moved_product
from distilspec.conformance.bounds.model import DIVISION, EXP, TINY, accumulated, gamma, rounding, roundings
from distilspec.conformance.bounds.softmax import exponential_error, rescalings
from distilspec.reference import ops as reference
from distilspec.reference.arith import real
from distilspec.reference.contract.types import BoolArray, Float64Array

#: exp of more than this overflows float64; such a score may be anything.
FAR = 700.0


@np.errstate(all="ignore")
def scaled_dot_product_attention(
    query: Operand, key: Operand, value: Operand, mask: Operand | None = None, *, scale: float
) -> Bounded:
    """
    Bound a weighted mean of values whose weights exp(score) are off by relative errors A.

    What the weights have in common cancels in the mean, so that it moves by the sum of p A |v - y|. To that come the
    rounding of both sums, a division of each weight or of the sum, and the errors of the values.
    """
    query, key, value = read(query), read(key), read(value)
    keep = None if mask is None else decided("scaled_dot_product_attention", "mask", mask)
    expected = reference.scaled_dot_product_attention(query.value, key.value, value.value, keep, scale=scale)
    scores = _scores(query, key, scale)
    kept: BoolArray = np.ones(scores.shape, np.bool_) if keep is None else np.broadcast_to(keep, scores.shape)
    value = _without_masked(value, kept)
    p = reference.softmax(scores.value, kept)
    at, uncertain = np.where(kept, scores.value, -np.inf), np.where(kept, scores.error, 0.0)
    rescaled = rescalings(at, uncertain, -1)
    own = exponential_error(at, uncertain, -1) + rescaled * EXP
    weight_error = np.expm1(np.minimum(uncertain, FAR)) * (1 + own) + own
    count = kept.sum(axis=-1, keepdims=True)
    least = np.where(count > 0, (p * np.exp(-uncertain) * (1 - own)).sum(axis=-1, keepdims=True), 1.0)

    size, size_v = np.abs(expected), np.abs(real(value.value)) + value.error
    widest = size + size_v.max(axis=-2, keepdims=True, initial=0)
    moved = _moved(p, weight_error, real(value.value), expected) / least
    moved_values = (p * (1 + weight_error)) @ value.error / least if value.error.any() else 0.0
    moved = np.fmin(moved + moved_values, widest)
    terms = np.fmin((p * (1 + weight_error)) @ size_v / least, widest)

    summed = gamma(count + rescaled)
    weighed = accumulated(roundings(count + rescaled) + DIVISION)
    rounded = np.where(summed < 1, (terms * weighed + (size + moved) * summed) / (1 - summed), np.inf)
    total = kept.astype(np.float64) @ size_v
    flushed = np.where(total == 0, 0.0, (3 * total + (count + 2) * size + 4 * count + 4) * TINY)
    error = np.where(np.isposinf(uncertain).any(axis=-1, keepdims=True), np.inf, moved + rounded + flushed)
    return result(expected, error, np.maximum(total * (1 + summed), terms), query, key, value)


def _scores(query: Bounded, key: Bounded, scale: float) -> Bounded:
    """
    Bound scale * (query @ key.T): gamma(head_dim + 4) of the magnitudes.

    Four roundings are for the scale: as a float32 factor or divisor of query, key or scores, or its root on both. What
    is flushed then is multiplied by the other operand.
    """
    transposed = Bounded(key.value.swapaxes(-1, -2), key.error.swapaxes(-1, -2))
    moved, magnitude = moved_product(query, transposed)
    length = query.shape[-1] + 4
    reach_q, reach_k = (np.abs(real(x.value)).sum(axis=-1) + x.error.sum(axis=-1) for x in (query, key))
    beside = max(1.0, abs(scale)) * (reach_q[..., np.newaxis] + reach_k[..., np.newaxis, :])
    flushed = np.where(magnitude == 0, 0.0, beside * TINY)
    error = abs(scale) * (moved + rounding(magnitude, gamma(length), 4 * length)) + flushed
    products = scale * (real(query.value) @ real(transposed.value))
    return result(products, error, magnitude * max(1.0, abs(scale)) * (1 + gamma(length)), query, key)


def _moved(p: Float64Array, weight_error: Float64Array, v: Float64Array, mean: Float64Array) -> Float64Array:
    """Bound the sum of p A |v - mean|: by Cauchy and Schwarz, or by that of p A |v| and |mean| times that of p A."""
    squares = p @ v**2
    lost = (v.shape[-2] + 8) * 2.0**-52 * squares
    variance = np.maximum(squares - mean**2, 0.0) + lost
    spread = np.sqrt((p * weight_error**2).sum(axis=-1, keepdims=True) * variance)
    weights = p * weight_error
    apart = weights @ np.abs(v) + np.abs(mean) * weights.sum(axis=-1, keepdims=True)
    return np.asarray(np.fmin(spread, apart))


def _without_masked(value: Bounded, kept: BoolArray) -> Bounded:
    """Return the values with zeros at the keys that no query keeps: what they hold changes nothing."""
    used = np.expand_dims(kept.any(axis=-2), -1)
    return Bounded(np.where(used, value.value, 0), np.where(used, value.error, 0.0))
