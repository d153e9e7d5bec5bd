"""``minimum``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def minimum(a: RealArray, b: RealArray) -> Float64Array:
    """To be specified."""
    return np.minimum(real(a), real(b))
