"""``reduce_max``."""

from __future__ import annotations

from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def reduce_max(x: RealArray, *, axes: tuple[int, ...], keepdims: bool = True) -> Float64Array:
    """To be specified."""
    return real(x).max(axis=axes, keepdims=keepdims)
