"""Numbers that look random and are the same on every machine and with every version of NumPy."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np

from distilspec.reference.contract.types import Array, BoolArray, Float32Array, Float64Array


class Draw:
    """
    Draws arrays by a name: the same name gives the same numbers.

    Only the raw stream of PCG64 is used, which NumPy never changes; its methods may change from version to version.

    >>> Draw("softmax").integers((5,), 0, 9).tolist()
    [7, 7, 0, 7, 0]
    """

    def __init__(self, name: str) -> None:
        """Begin the stream of ``name``."""
        digest = hashlib.sha256(name.encode()).digest()
        self._stream = np.random.PCG64(int.from_bytes(digest[:16], "little"))

    def units(self, *shape: int) -> Float64Array:
        """Draw from [0, 1), in steps of 2**-53."""
        raw = self._stream.random_raw(math.prod(shape))
        return np.asarray(raw >> np.uint64(11), np.float64).reshape(shape) * 2.0**-53

    def integers(self, shape: tuple[int, ...], low: int, high: int, dtype: Any = np.int64) -> Array:
        """Draw integers from ``low`` to ``high``, both included."""
        raw = self._stream.random_raw(math.prod(shape)) % np.uint64(high - low + 1)
        return (low + raw.astype(np.int64)).astype(dtype).reshape(shape)

    def reals(self, *shape: int, size: float = 1.0) -> Float32Array:
        """Draw float32 from [-size, size)."""
        return ((self.units(*shape) * 2 - 1) * size).astype(np.float32)

    def wide(self, *shape: int, low: int = -126, high: int = 126) -> Float32Array:
        """Draw float32 of both signs whose exponents spread evenly from ``low`` to ``high``, both included."""
        exponents = self.integers(shape, low, high)
        signs = self.integers(shape, 0, 1) * 2 - 1
        return np.ldexp(signs * (1 + self.units(*shape)), exponents).astype(np.float32)

    def codes(self, dtype: Any, *shape: int) -> Array:
        """Draw 8-bit codes over their full range."""
        limits = np.iinfo(dtype)
        return self.integers(shape, int(limits.min), int(limits.max), dtype)

    def scales(self, *shape: int, low: int = -8, high: int = -4) -> Float32Array:
        """Draw positive float32 from [2**low, 2**(high + 1)) that are no powers of two."""
        return np.abs(self.wide(*shape, low=low, high=high))

    def mask(self, *shape: int) -> BoolArray:
        """Draw booleans, evenly."""
        return self.integers(shape, 0, 1).astype(np.bool_)
