"""``silu``: the sigmoid linear unit."""

from __future__ import annotations

from distilspec.fast.operators.elementwise import of_one
from distilspec.reference.contract.types import Float32Array, RealArray


def silu(x: RealArray) -> Float32Array:
    """Return the operator ``silu`` of elements that are rounded to float32, within its bound."""
    return of_one("silu", "SILU-C1", x)
