"""``mean_pool``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.arith import real
from distilspec.reference.contract.types import BoolArray, Float64Array, RealArray


def mean_pool(hidden_states: RealArray, attention_mask: BoolArray) -> Float64Array:
    """To be specified."""
    kept = attention_mask[..., np.newaxis]
    count = kept.sum(axis=1)
    return np.where(kept, real(hidden_states), 0.0).sum(axis=1) / np.maximum(count, 1)
