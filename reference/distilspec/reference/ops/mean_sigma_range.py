"""``mean_sigma_range``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.arith import real
from distilspec.reference.contract.types import RealArray
from distilspec.reference.ops.minmax_range import Range


def mean_sigma_range(x: RealArray, *, sigmas: float) -> Range:
    """To be specified."""
    mean, sigma = real(x).mean(), real(x).std()
    return Range(np.asarray(mean - sigmas * sigma, np.float32), np.asarray(mean + sigmas * sigma, np.float32))
