"""``dynamic_quantize``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from distilspec.reference.contract.types import CodeArray, Float32Array, RealArray
from distilspec.reference.ops.asymmetric_scale import asymmetric_scale
from distilspec.reference.ops.quantize import quantize


class DynamicQuantized(NamedTuple):
    """Codes, and the scale and zero point that were derived from the data."""

    codes: CodeArray
    scale: Float32Array
    zero_point: CodeArray


def dynamic_quantize(x: RealArray) -> DynamicQuantized:
    """To be specified."""
    x32 = x.astype(np.float32)
    scale, zero_point = asymmetric_scale(x32.min(initial=0.0), x32.max(initial=0.0))
    return DynamicQuantized(quantize(x32, scale, zero_point), scale, zero_point)
