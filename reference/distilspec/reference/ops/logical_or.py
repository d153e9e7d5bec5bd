"""``logical_or``."""

from __future__ import annotations

from distilspec.reference.contract.types import BoolArray


def logical_or(a: BoolArray, b: BoolArray) -> BoolArray:
    """To be specified."""
    return a | b
