"""``l2_normalize``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def l2_normalize(x: RealArray, *, axis: int = -1, epsilon: float = 1e-12) -> Float64Array:
    """To be specified."""
    norm = np.sqrt((real(x) ** 2).sum(axis=axis, keepdims=True))
    return real(x) / np.maximum(norm, epsilon)
