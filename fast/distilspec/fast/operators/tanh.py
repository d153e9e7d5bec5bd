"""``tanh``: the hyperbolic tangent."""

from __future__ import annotations

from distilspec.fast.operators.elementwise import of_one
from distilspec.reference.contract.types import Float32Array, RealArray


def tanh(x: RealArray) -> Float32Array:
    """Return the operator ``tanh`` of elements that are rounded to float32, within its bound."""
    return of_one("tanh", "TANH-C1", x)
