"""The scalar rules that several operators share, each stated once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.reference.contract.types import Array, Float32Array, Float64Array, RealArray


def real(x: Array) -> Float64Array:
    """Return ``x`` in float64, in which the reference evaluates real numbers."""
    return np.asarray(x, dtype=np.float64)


def round_to_float32(x: RealArray) -> Float32Array:
    """
    Round to the nearest float32, an exact tie to the even significand, beyond the largest to infinity.

    >>> round_to_float32(np.array([1 + 2.0**-24, 1 + 3 * 2.0**-24, 1e39])).tolist() == [1.0, 1 + 2.0**-22, np.inf]
    True
    """
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(x, dtype=np.float32)


def along_axis(x: NDArray[Any], axis: int, rank: int) -> NDArray[Any]:
    """
    Return the one-dimensional ``x`` as a view that broadcasts along ``axis`` of an array with ``rank`` axes.

    >>> along_axis(np.array([1, 2]), -2, 3).shape
    (1, 2, 1)
    """
    shape = [1] * rank
    shape[axis] = x.size
    return x.reshape(shape)


def number(x: Array) -> Array:
    """Return int64 as it is and a float in float64: the types in which the reference evaluates arithmetic."""
    return x if x.dtype == np.int64 else real(x)


def round_half_even(x: NDArray[Any]) -> NDArray[Any]:
    """
    Round to the nearest integer, an exact tie to the even one, and keep the float type.

    >>> round_half_even(np.array([-0.5, 0.5, 1.5, 2.5])).tolist()
    [-0.0, 0.0, 2.0, 2.0]
    """
    rounded: NDArray[Any] = np.rint(x)
    return rounded


def saturate(x: NDArray[Any], dtype: np.dtype[Any] | type) -> NDArray[Any]:
    """
    Clip integer-valued ``x`` to the range of ``dtype`` while it is still wide, then cast; NaN becomes 0.

    >>> saturate(np.array([-np.inf, -129.0, 127.0, 300.0, np.nan]), np.int8).tolist()
    [-128, -128, 127, 127, 0]
    """
    limits = np.iinfo(dtype)
    wide = np.where(np.isnan(x), 0, x) if np.issubdtype(x.dtype, np.floating) else x
    return np.clip(wide, limits.min, limits.max).astype(dtype)
