"""``relu``: the rectified linear unit."""

from __future__ import annotations

from distilspec.fast.operators.elementwise import of_one
from distilspec.reference.contract.types import Float32Array, RealArray


def relu(x: RealArray) -> Float32Array:
    """Return the operator ``relu`` of elements that are rounded to float32."""
    return of_one("relu", "RELU-C1", x)
