"""``reciprocal``."""

from __future__ import annotations

from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def reciprocal(x: RealArray) -> Float64Array:
    """To be specified."""
    return 1.0 / real(x)
