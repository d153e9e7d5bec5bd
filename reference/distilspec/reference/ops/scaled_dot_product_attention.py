"""``scaled_dot_product_attention``."""

from __future__ import annotations

from distilspec.reference.arith import real
from distilspec.reference.contract.types import BoolArray, Float64Array, RealArray
from distilspec.reference.ops.softmax import softmax


def scaled_dot_product_attention(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    """To be specified."""
    scores = real(query) @ real(key).swapaxes(-1, -2) * scale
    return softmax(scores, mask) @ real(value)
