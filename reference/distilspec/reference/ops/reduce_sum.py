"""``reduce_sum``."""

from __future__ import annotations

from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def reduce_sum(x: RealArray, *, axes: tuple[int, ...], keepdims: bool = True) -> Float64Array:
    """To be specified."""
    return real(x).sum(axis=axes, keepdims=keepdims)
