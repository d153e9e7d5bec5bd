"""Bound of ``cast``: docs/derivations/elementwise.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift, rounded
from distilspec.conformance.bounds.equal import equal
from distilspec.conformance.bounds.hull import around
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


def cast(x: Operand, *, dtype: str) -> Bounded:
    """
    Bound a conversion.

    To float: one rounding where a runtime's float32 cannot hold an integer. To bool: a comparison with zero. To
    integers: the hull of both ends, cut towards zero.
    """
    x = lift(x)
    value = reference.cast(x.value, dtype=dtype)
    if dtype == "bool":
        return Bounded(value, equal(x, np.zeros((), x.value.dtype)).error)
    if dtype in ("float", "float32"):
        return Bounded(value, rounded(real(x.value), x.error, x).error)
    if x.value.dtype.kind == "f":
        return around(value, np.trunc(x.value - x.error), np.trunc(x.value + x.error), x)
    return Bounded(value, x.error)
