"""``asymmetric_scale``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from distilspec.reference.arith import round_half_even, saturate
from distilspec.reference.contract.types import CodeArray, Float32Array, RealArray


class AsymmetricScale(NamedTuple):
    """Scale and zero point of an unsigned 8-bit range."""

    scale: Float32Array
    zero_point: CodeArray


def asymmetric_scale(minimum: RealArray, maximum: RealArray) -> AsymmetricScale:
    """To be specified."""
    low = np.minimum(np.asarray(minimum, np.float32), np.float32(0))
    high = np.maximum(np.asarray(maximum, np.float32), np.float32(0))
    scale = (high - low) / np.float32(255)
    scale = np.where(scale < np.finfo(np.float32).tiny, np.float32(1), scale).astype(np.float32)
    return AsymmetricScale(scale, saturate(round_half_even(-low / scale), np.uint8))
