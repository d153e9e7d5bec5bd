"""Bound of ``reduce_mean``: docs/derivations/elementwise.md."""

from __future__ import annotations

import math

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import DIVISION, accumulated, gamma, rounding, roundings
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


@np.errstate(all="ignore")
def reduce_mean(x: Operand, *, axes: tuple[int, ...], keepdims: bool = True) -> Bounded:
    """Bound a mean of n terms: the mean of their errors, one rounding for each, and a division."""
    x = read(x)
    value = reference.reduce_mean(x.value, axes=axes, keepdims=keepdims)
    count = math.prod(x.shape[axis] for axis in axes)
    moved = np.asarray(x.error.mean(axis=axes, keepdims=keepdims))
    magnitude = np.asarray(np.abs(real(x.value)).mean(axis=axes, keepdims=keepdims)) + moved
    error = moved + rounding(magnitude, accumulated(roundings(count) + DIVISION), count + 2)
    return result(value, error, count * magnitude * (1 + gamma(count)), x)
