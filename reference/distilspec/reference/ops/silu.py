"""``silu``."""

from __future__ import annotations

from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray
from scipy import special


def silu(x: RealArray) -> Float64Array:
    """To be specified."""
    return real(x) * special.expit(real(x))
