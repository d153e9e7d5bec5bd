"""``transpose``."""

from __future__ import annotations

from distilspec.reference.contract.types import Array


def transpose(x: Array, *, axes: tuple[int, ...]) -> Array:
    """To be specified."""
    return x.transpose(axes).copy()
