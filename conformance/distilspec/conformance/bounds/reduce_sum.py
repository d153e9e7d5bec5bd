"""Bound of ``reduce_sum``: docs/derivations/elementwise.md."""

from __future__ import annotations

import math

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import gamma, rounding
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


@np.errstate(all="ignore")
def reduce_sum(x: Operand, *, axes: tuple[int, ...], keepdims: bool = True) -> Bounded:
    """Bound a sum of n terms in any order: the sum of their errors, and gamma(n - 1) of the sum of their magnitudes."""
    x = read(x)
    value = reference.reduce_sum(x.value, axes=axes, keepdims=keepdims)
    moved = np.asarray(x.error.sum(axis=axes, keepdims=keepdims))
    if value.dtype.kind != "f":
        return Bounded(value, moved)
    additions = max(math.prod(x.shape[axis] for axis in axes) - 1, 0)
    magnitude = np.asarray(np.abs(real(x.value)).sum(axis=axes, keepdims=keepdims)) + moved
    error = moved + rounding(magnitude, gamma(additions), additions)
    return result(value, error, magnitude * (1 + gamma(additions)), x)
