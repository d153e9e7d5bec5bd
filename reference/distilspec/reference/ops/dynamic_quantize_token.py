"""``dynamic_quantize_token``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.contract.types import RealArray
from distilspec.reference.ops.dynamic_quantize import DynamicQuantized
from distilspec.reference.ops.quantize import quantize
from distilspec.reference.ops.symmetric_scale import symmetric_scale


def dynamic_quantize_token(x: RealArray) -> DynamicQuantized:
    """To be specified."""
    x32 = x.astype(np.float32)
    scale = symmetric_scale(np.abs(x32).max(axis=-1, keepdims=True, initial=0.0))
    zero_point = np.zeros((), np.int8)
    return DynamicQuantized(quantize(x32, scale, zero_point), scale, zero_point)
