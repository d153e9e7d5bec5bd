"""``gelu``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray
from scipy import special


def gelu(x: RealArray) -> Float64Array:
    """To be specified."""
    return 0.5 * real(x) * (1 + special.erf(real(x) / np.sqrt(2.0)))
