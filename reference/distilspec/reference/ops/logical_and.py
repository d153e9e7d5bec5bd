"""``logical_and``."""

from __future__ import annotations

from distilspec.reference.contract.types import BoolArray


def logical_and(a: BoolArray, b: BoolArray) -> BoolArray:
    """To be specified."""
    return a & b
