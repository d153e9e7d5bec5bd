"""Bound of ``minimum``: docs/derivations/elementwise.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read
from distilspec.conformance.bounds.hull import around
from distilspec.reference import ops as reference


def minimum(a: Operand, b: Operand) -> Bounded:
    """Bound the smaller of two numbers: the hull of that of both ends, without rounding."""
    a, b = read(a), read(b)
    value = reference.minimum(a.value, b.value)
    lowest = np.minimum(a.value - a.error, b.value - b.error)
    highest = np.minimum(a.value + a.error, b.value + b.error)
    return around(value, lowest, highest, a, b)
