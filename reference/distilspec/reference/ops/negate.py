"""``negate``."""

from __future__ import annotations

from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def negate(x: RealArray) -> Float64Array:
    """To be specified."""
    return -real(x)
