"""Bound of ``softmax``: docs/derivations/softmax.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, decided, read, result
from distilspec.conformance.bounds.model import DIVISION, EXP, TINY, UNIT, gamma
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
    l = exp(x - e) and h = exp(x + e). Rounding adds a share of it: the error of its own exponential for the part of the
    row that is not itself, that of the others for theirs, one rounding for each entry summed, the rescaling of a
    running sum, and a division.
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
    lowest, highest = np.where(np.isnan(lowest), 0.0, lowest), np.where(np.isnan(highest), 1.0, highest)
    spread = np.maximum(np.maximum(highest - value, value - lowest), 0.0)
    spread = np.where(error.any(axis=axis, keepdims=True), spread, 0.0)
    own = exponential_error(at, error, axis)
    others = np.minimum(_others(highest * own, axis, up=True), EXP + UNIT * UNDERFLOW)
    count = kept.sum(axis=axis, keepdims=True)
    rescaled = rescalings(at, error, axis) * (EXP + 2 * UNIT)
    share = own * (1 - lowest) + others + gamma(count) + rescaled + DIVISION
    relative = np.where(share + own < 1, share / (1 - share - own), np.inf)
    total = spread + (value + spread) * relative + (count + 2) * TINY
    return result(value, np.where(kept, total, 0.0), np.where(kept, largest, 0.0), x)


def exponential_error(at: Float64Array, error: Float64Array, axis: int) -> Float64Array:
    """
    Return the relative error of exp(x - largest) in float32, with ``at`` -inf where masked.

    It is that of exp, and the rounding of the difference, u times the largest gap that the errors allow. What is
    farther than ``UNDERFLOW`` has no digits left.
    """
    gap = (at + error).max(axis=axis, keepdims=True, initial=-np.inf) - (at - error)
    return EXP + UNIT * np.minimum(np.where(np.isnan(gap), UNDERFLOW, gap), UNDERFLOW)


def rescalings(at: Float64Array, error: Float64Array, axis: int) -> Float64Array:
    """
    Return how often a running sum may be rescaled because a larger entry is met.

    That happens once for every ``ONLINE_BLOCK`` entries, or at every entry that may exceed all before it.
    """
    before = np.roll(np.maximum.accumulate(at - error, axis=axis), 1, axis=axis)
    records = (at + error > before).sum(axis=axis, keepdims=True)
    blocks = (at > -np.inf).sum(axis=axis, keepdims=True) // ONLINE_BLOCK
    return np.asarray(np.maximum(records, blocks), np.float64)


def _others(weights: Float64Array, axis: int, *, up: bool) -> Float64Array:
    total = weights.sum(axis=axis, keepdims=True)
    lost = weights.shape[axis] * 2.0**-50 * total
    others: Float64Array = np.maximum(total - weights + (lost if up else -lost), 0.0)
    return others
