"""``multiply``."""

from __future__ import annotations

from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def multiply(a: RealArray, b: RealArray) -> Float64Array:
    """To be specified."""
    return real(a) * real(b)
