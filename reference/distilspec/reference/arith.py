"""The scalar rules that several operators share, each stated once."""

from __future__ import annotations

from typing import Any

import numpy as np
from distilspec.reference.contract.types import Array, Float64Array
from numpy.typing import NDArray


def real(x: Array) -> Float64Array:
    """Return ``x`` in float64, in which the reference evaluates real numbers."""
    return np.asarray(x, dtype=np.float64)


def round_half_even(x: NDArray[Any]) -> NDArray[Any]:
    """
    Round to the nearest integer, an exact tie to the even one, and keep the float type.

    >>> round_half_even(np.array([-0.5, 0.5, 1.5, 2.5])).tolist()
    [-0.0, 0.0, 2.0, 2.0]
    """
    return np.rint(x)


def saturate(x: NDArray[Any], dtype: np.dtype[Any] | type) -> NDArray[Any]:
    """
    Clip integer-valued ``x`` to the range of ``dtype`` while it is still wide, then cast; NaN becomes 0.

    >>> saturate(np.array([-np.inf, -129.0, 127.0, 300.0, np.nan]), np.int8).tolist()
    [-128, -128, 127, 127, 0]
    """
    limits = np.iinfo(dtype)
    wide = np.where(np.isnan(x), 0, x) if np.issubdtype(x.dtype, np.floating) else x
    return np.clip(wide, limits.min, limits.max).astype(dtype)
