"""``embedding``."""

from __future__ import annotations

from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, Float64Array, RealArray


def embedding(input_ids: Array, weight: RealArray) -> Float64Array:
    """To be specified."""
    return real(weight[input_ids])
