"""``sigmoid``: the logistic function."""

from __future__ import annotations

from distilspec.fast.operators.elementwise import of_one
from distilspec.reference.contract.types import Float32Array, RealArray


def sigmoid(x: RealArray) -> Float32Array:
    """Return the operator ``sigmoid`` of elements that are rounded to float32, within its bound."""
    return of_one("sigmoid", "SIG-C1", x)
