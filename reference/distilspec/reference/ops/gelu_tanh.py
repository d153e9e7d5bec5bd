"""``gelu_tanh``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def gelu_tanh(x: RealArray) -> Float64Array:
    """To be specified."""
    return 0.5 * real(x) * (1 + np.tanh(np.sqrt(2 / np.pi) * (real(x) + 0.044715 * real(x) ** 3)))
