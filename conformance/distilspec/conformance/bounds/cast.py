"""Bound of ``cast``: docs/derivations/elementwise.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift, result, rounded
from distilspec.conformance.bounds.equal import equal
from distilspec.conformance.bounds.hull import around
from distilspec.conformance.bounds.model import TINY, UNIT
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


def cast(x: Operand, *, dtype: str) -> Bounded:
    """
    Bound a conversion.

    To float: one rounding where a runtime's float32 cannot hold an integer. To float32: none, because the reference
    rounds too, unless the operand moves. To bool: a comparison with zero. To integers: the hull of both ends, cut
    towards zero.
    """
    x = lift(x)
    value = reference.cast(x.value, dtype=dtype)
    if dtype == "bool":
        return Bounded(value, equal(x, np.zeros((), x.value.dtype)).error)
    if dtype == "float":
        return Bounded(value, rounded(real(x.value), x.error, x).error)
    if dtype == "float32":
        size = np.abs(real(x.value)) + x.error
        flushed = np.where(size - 2 * x.error < TINY, np.minimum(size, TINY), 0.0)
        moved = result(real(x.value), x.error + 2 * UNIT * size + flushed, size, x)
        return Bounded(value, np.where(x.error == 0, flushed, moved.error))
    if x.value.dtype.kind == "f":
        return around(value, np.trunc(x.value - x.error), np.trunc(x.value + x.error), x)
    return Bounded(value, x.error)
