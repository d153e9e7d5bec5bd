"""``squeeze``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.contract.types import Array


def squeeze(x: Array, *, axes: tuple[int, ...]) -> Array:
    """To be specified."""
    return np.squeeze(x, axes).copy()
