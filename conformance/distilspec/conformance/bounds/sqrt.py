"""Bound of ``sqrt``: docs/derivations/elementwise.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import SQUARE_ROOT
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


@np.errstate(all="ignore")
def sqrt(x: Operand) -> Bounded:
    """Bound a square root: e / (sqrt(x) + sqrt(x - e)), and 2 ulp; unbounded where x may turn negative."""
    x = read(x)
    value = reference.sqrt(x.value)
    lowest = np.sqrt(np.maximum(real(x.value) - x.error, 0.0))
    spread = np.where(x.error > 0, x.error / (value + lowest), 0.0)
    size = value + spread
    root = result(value, spread + SQUARE_ROOT * size, size, x)
    return Bounded(value, np.where((x.error > 0) & (real(x.value) < x.error), np.inf, root.error))
