"""``absolute``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def absolute(x: RealArray) -> Float64Array:
    """To be specified."""
    return np.abs(real(x))
