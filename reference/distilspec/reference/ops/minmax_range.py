"""``minmax_range``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from distilspec.reference.contract.types import Float32Array, RealArray


class Range(NamedTuple):
    """Smallest and largest value that the codes must represent."""

    minimum: Float32Array
    maximum: Float32Array


def minmax_range(x: RealArray) -> Range:
    """To be specified."""
    return Range(np.asarray(x.min(), np.float32), np.asarray(x.max(), np.float32))
