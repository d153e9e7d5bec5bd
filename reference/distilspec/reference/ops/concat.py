"""``concat``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.contract.types import Array


def concat(*tensors: Array, axis: int) -> Array:
    """To be specified."""
    return np.concatenate(tensors, axis=axis)
