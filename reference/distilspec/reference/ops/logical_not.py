"""``logical_not``."""

from __future__ import annotations

from distilspec.reference.contract.types import BoolArray


def logical_not(x: BoolArray) -> BoolArray:
    """To be specified."""
    return ~x
