"""Bound of ``scaled_dot_product_attention``: docs/derivations/scaled_dot_product_attention.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, decided, read, result
from distilspec.conformance.bounds.matmul import matmul, moved_product
from distilspec.conformance.bounds.model import gamma, rounding
from distilspec.conformance.bounds.softmax import softmax
from distilspec.reference import ops as reference
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array


@np.errstate(all="ignore")
def scaled_dot_product_attention(
    query: Operand, key: Operand, value: Operand, mask: Operand | None = None, *, scale: float
) -> Bounded:
    """
    Bound attention: scores with gamma(head_dim + 4), their softmax, and its product with the values.

    Four roundings are for the scale: as a float32 factor or divisor of query, key or scores, or its root on both.
    """
    query, key, value = read(query), read(key), read(value)
    keep = None if mask is None else decided("scaled_dot_product_attention", "mask", mask)
    expected = reference.scaled_dot_product_attention(query.value, key.value, value.value, keep, scale=scale)
    transposed = Bounded(key.value.swapaxes(-1, -2), key.error.swapaxes(-1, -2))
    moved, magnitude = moved_product(query, transposed)
    roundings = query.shape[-1] + 4
    error = abs(scale) * (moved + rounding(magnitude, gamma(roundings), 4 * roundings))
    products = scale * (real(query.value) @ real(transposed.value))
    scores = result(products, error, magnitude * max(1.0, abs(scale)) * (1 + gamma(roundings)), query, key)
    context = matmul(softmax(scores, keep), _without_masked(value, keep))
    return Bounded(expected, context.error)


def _without_masked(value: Bounded, mask: Array | None) -> Bounded:
    """Return the values with zeros at the keys that no query keeps: what they hold changes nothing."""
    if mask is None:
        return value
    *leading, keys, _ = value.shape
    queries = mask.shape[-2] if mask.ndim > 1 else 1
    used = np.asarray(np.broadcast_to(mask, (*leading, queries, keys)).any(axis=-2))[..., np.newaxis]
    return Bounded(np.where(used, value.value, 0), np.where(used, value.error, 0.0))
