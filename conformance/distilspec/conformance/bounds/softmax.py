"""Bound of ``softmax``: docs/derivations/softmax.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, decided, read, result
from distilspec.conformance.bounds.model import DIVISION, EXP, TINY, UNIT, accumulated, gamma
from distilspec.reference import ops as reference
from distilspec.reference.arith import real
from distilspec.reference.contract.types import BoolArray, Float64Array

#: exp(-x) of more than this is far below the smallest float32.
UNDERFLOW = 200.0

#: A softmax in blocks rescales its running sum once for at least so many entries.
ONLINE_BLOCK = 64


@np.errstate(all="ignore")
def softmax(x: Operand, mask: Operand | None = None, *, axis: int = -1) -> Bounded:
    """
    Bound the exponentials of a row divided by their sum; masked entries are exactly 0.

    The real result lies between p- = l / (l + sum of the others' h) and p+ = h / (h + sum of the others' l), with
    l = exp(x - e) and h = exp(x + e). Rounding adds a share of p+: EXP + u (largest - x) of the entry, the mean of that
    over the row, one rounding for each entry summed, one rescaling for each 64 entries, and a division.
    """
    x = read(x)
    keep = None if mask is None else decided("softmax", "mask", mask)
    value = reference.softmax(x.value, keep, axis=axis)
    kept: BoolArray = np.ones(x.shape, np.bool_) if keep is None else np.broadcast_to(keep, x.shape)
    at, error = np.where(kept, real(x.value), -np.inf), np.where(kept, x.error, 0.0)
    largest = at.max(axis=axis, keepdims=True, initial=-np.inf)
    shifted = np.where(at == -np.inf, -np.inf, at - largest)
    low, high = np.exp(shifted - error), np.exp(shifted + error)
    lowest, highest = low / (low + _others(high, axis, up=True)), high / (high + _others(low, axis, up=False))
    highest = np.where(np.isnan(highest), 1.0, highest)
    spread = np.maximum(np.maximum(highest - value, value - np.where(np.isnan(lowest), 0.0, lowest)), 0.0)
    spread = np.where(error.any(axis=axis, keepdims=True), spread, 0.0)
    reach = (shifted + error).max(axis=axis, keepdims=True, initial=-np.inf) - (shifted - error)
    own = EXP + UNIT * np.minimum(np.where(np.isnan(reach), UNDERFLOW, reach), UNDERFLOW)
    mean = np.minimum((highest * own).sum(axis=axis, keepdims=True), EXP + UNIT * UNDERFLOW)
    count = kept.sum(axis=axis, keepdims=True)
    rescaled = np.floor_divide(count, ONLINE_BLOCK) * (EXP + 2 * UNIT)
    relative = accumulated(own + mean + gamma(count) + rescaled + DIVISION)
    total = spread + (value + spread) * relative + (count + 2) * TINY
    return result(value, np.where(kept, total, 0.0), np.where(kept, largest, 0.0), x)


def _others(weights: Float64Array, axis: int, *, up: bool) -> Float64Array:
    total = weights.sum(axis=axis, keepdims=True)
    lost = weights.shape[axis] * 2.0**-50 * total
    others: Float64Array = np.maximum(total - weights + (lost if up else -lost), 0.0)
    return others
