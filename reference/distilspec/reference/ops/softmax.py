"""``softmax``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.arith import real
from distilspec.reference.contract.types import BoolArray, Float64Array, RealArray


def softmax(x: RealArray, mask: BoolArray | None = None, *, axis: int = -1) -> Float64Array:
    """To be specified."""
    kept = np.ones(x.shape, np.bool_) if mask is None else np.broadcast_to(mask, x.shape)
    largest = np.max(real(x), axis=axis, keepdims=True, where=kept, initial=-np.inf)
    shift = np.where(np.isfinite(largest), largest, 0.0)
    e = np.where(kept, np.exp(np.where(kept, real(x) - shift, 0.0)), 0.0)
    total = e.sum(axis=axis, keepdims=True)
    return e / np.where(total == 0, 1.0, total)
