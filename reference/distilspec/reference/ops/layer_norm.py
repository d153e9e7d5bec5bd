"""``layer_norm``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def layer_norm(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    """To be specified."""
    d = real(x) - real(x).mean(axis=-1, keepdims=True)
    variance = (d * d).mean(axis=-1, keepdims=True)
    return d / np.sqrt(variance + epsilon) * real(weight) + real(bias)
