"""``symmetric_scale``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.contract.types import Float32Array, RealArray


def symmetric_scale(largest: RealArray) -> Float32Array:
    """To be specified."""
    scale = np.asarray(largest, np.float32) / np.float32(127)
    return np.where(scale < np.finfo(np.float32).tiny, np.float32(1), scale).astype(np.float32)
