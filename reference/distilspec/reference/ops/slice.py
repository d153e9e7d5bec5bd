"""``slice``."""

from __future__ import annotations

import builtins

from distilspec.reference.contract.types import Array


def slice(x: Array, *, axis: int, start: int, stop: int, step: int = 1) -> Array:
    """To be specified."""
    index = [builtins.slice(None)] * x.ndim
    index[axis] = builtins.slice(start, stop, step)
    return x[tuple(index)].copy()
