"""``gelu_tanh``: the Gaussian error linear unit, in the form with tanh."""

from __future__ import annotations

from distilspec.fast.operators.elementwise import of_one
from distilspec.reference.contract.types import Float32Array, RealArray


def gelu_tanh(x: RealArray) -> Float32Array:
    """Return the operator ``gelu_tanh`` of elements that are rounded to float32, within its bound."""
    return of_one("gelu_tanh", "GELUT-C1", x)
