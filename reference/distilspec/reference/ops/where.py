"""``where``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.contract.types import Array, BoolArray


def where(condition: BoolArray, a: Array, b: Array) -> Array:
    """To be specified."""
    return np.where(condition, a, b)
