"""Sums of float32 numbers in the orders that real kernels use; every operation rounds once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from distilspec.reference.contract.types import Array, Float32Array

#: Adds along the last axis.
Sum: TypeAlias = Callable[[Float32Array], Float32Array]

TINY = np.float32(2.0**-126)


def left_to_right(terms: Float32Array) -> Float32Array:
    """Add from the first term to the last."""
    if terms.shape[-1] == 0:
        return np.zeros(terms.shape[:-1], np.float32)
    return np.add.accumulate(terms, axis=-1, dtype=np.float32)[..., -1]


def right_to_left(terms: Float32Array) -> Float32Array:
    """Add from the last term to the first."""
    return left_to_right(terms[..., ::-1])


def pairwise(terms: Float32Array) -> Float32Array:
    """Add halves, recursively."""
    n = terms.shape[-1]
    return left_to_right(terms) if n < 2 else pairwise(terms[..., : n // 2]) + pairwise(terms[..., n // 2 :])


def in_lanes(lanes: int) -> Sum:
    """Return a sum in so many partial sums side by side, as in a vector register."""

    def total(terms: Float32Array) -> Float32Array:
        return left_to_right(left_to_right(np.swapaxes(_in_rows(terms, lanes), -1, -2)))

    return total


def in_blocks(size: int) -> Sum:
    """Return a sum of blocks of so many neighbours, each added up first."""

    def total(terms: Float32Array) -> Float32Array:
        return left_to_right(left_to_right(_in_rows(terms, size)))

    return total


def compensated(terms: Float32Array) -> Float32Array:
    """Add from the left and carry what each addition lost (Kahan)."""
    total = np.zeros(terms.shape[:-1], np.float32)
    lost = np.zeros_like(total)
    for index in range(terms.shape[-1]):
        corrected = terms[..., index] - lost
        larger = total + corrected
        lost = np.where(np.isfinite(larger), (larger - total) - corrected, np.float32(0))
        total = larger
    return total


def in_float64(terms: Float32Array) -> Float32Array:
    """Add in float64 and round once."""
    return np.asarray(terms.sum(axis=-1, dtype=np.float64), np.float32)


def flushing(terms: Float32Array) -> Float32Array:
    """Add from the left, every operand and every partial sum flushed to zero when it is subnormal."""
    total = np.zeros(terms.shape[:-1], np.float32)
    for index in range(terms.shape[-1]):
        total = flushed(total + flushed(terms[..., index]))
    return total


def flushed(x: Array) -> Array:
    """Return zero, with the same sign, in place of every subnormal number."""
    return np.where(np.abs(x) < TINY, np.copysign(np.float32(0), x), x)


def _in_rows(terms: Float32Array, length: int) -> Float32Array:
    """Return [..., rows, length], the last row filled up with zeros; a single row is as long as it is."""
    *leading, n = terms.shape
    length = min(length, max(n, 1))
    rows = -(-n // length)
    padding = np.zeros((*leading, rows * length - n), np.float32)
    return np.concatenate([terms, padding], axis=-1).reshape(*leading, rows, length)
