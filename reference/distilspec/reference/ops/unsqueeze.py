"""``unsqueeze``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.contract.types import Array


def unsqueeze(x: Array, *, axes: tuple[int, ...]) -> Array:
    """To be specified."""
    return np.expand_dims(x, axes).copy()
