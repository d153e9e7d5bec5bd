"""``less``."""

from __future__ import annotations

from distilspec.reference.contract.types import Array, BoolArray


def less(a: Array, b: Array) -> BoolArray:
    """To be specified."""
    return a < b
