"""``percentile_range``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.contract.types import RealArray
from distilspec.reference.ops.minmax_range import Range


def percentile_range(x: RealArray, *, percentile: float) -> Range:
    """To be specified."""
    low, high = np.percentile(x.astype(np.float64), [100 - percentile, percentile])
    return Range(np.asarray(low, np.float32), np.asarray(high, np.float32))
