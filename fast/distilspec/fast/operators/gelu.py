"""``gelu``: the Gaussian error linear unit, in the form with erf."""

from __future__ import annotations

from distilspec.fast.operators.elementwise import of_one
from distilspec.reference.contract.types import Float32Array, RealArray


def gelu(x: RealArray) -> Float32Array:
    """Return the operator ``gelu`` of elements that are rounded to float32, within its bound."""
    return of_one("gelu", "GELU-C1", x)
