"""``gather``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.contract.types import Array


def gather(x: Array, indices: Array, *, axis: int = 0) -> Array:
    """To be specified."""
    return np.take(x, indices, axis=axis)
