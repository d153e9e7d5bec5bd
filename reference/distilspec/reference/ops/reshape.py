"""``reshape``."""

from __future__ import annotations

from distilspec.reference.contract.types import Array


def reshape(x: Array, *, shape: tuple[int, ...]) -> Array:
    """To be specified."""
    return x.reshape(shape).copy()
