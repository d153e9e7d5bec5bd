"""Choices of ``Arithmetic`` beyond the plain ones: each is legitimate by docs/derivations."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from distilspec.conformance.mutants.variants.float32 import Binary, Unary, exact_sums
from distilspec.conformance.mutants.variants.sums import Sum
from distilspec.reference.contract.types import Array, Float32Array

#: A running mean is followed over at most so many elements before two are merged.
RUN = 64

#: A softmax with a running maximum takes so many entries at once.
ONLINE_BLOCK = 64

LOG2_E = np.float32(np.log2(math.e))
LOG2_E_REST = np.float32(np.log2(math.e) - float(LOG2_E))


def times_reciprocal(x: Array, divisor: Array) -> Array:
    """Multiply by the rounded reciprocal instead of dividing."""
    return np.asarray(x * (np.float32(1) / divisor))


@np.errstate(invalid="ignore", over="ignore")
def exp_by_exp2(x: Float32Array) -> Array:
    """Return 2 to the power of x log2(e), the product carried in two parts."""
    product = x.astype(np.float64) * float(LOG2_E)
    high = product.astype(np.float32)
    low = np.where(np.isfinite(high), product - high, 0.0).astype(np.float32) + x * LOG2_E_REST
    y = np.exp2(high)
    return np.where(np.isfinite(y) & np.isfinite(low), y + y * (low * np.float32(np.log(2.0))), y)


def off_by(function: Unary, ulps: float) -> Unary:
    """
    Return a function that is off by so many units in the last place of its own result, and then rounded.

    Zeros, limits at infinity and NaN are right. A result that float64 rounds to 1 is taken for a number below it.
    """

    def evaluate(x: Array) -> Array:
        exact = np.asarray(function(x.astype(np.float64)))
        regular = np.isfinite(x) & np.isfinite(exact) & (exact != 0)
        _, exponent = np.frexp(np.nextafter(np.where(regular, np.abs(exact), 1.0), 0.0))
        ulp = np.ldexp(1.0, np.maximum(exponent - 24, -149))
        return np.where(regular, exact + ulps * ulp, exact).astype(np.float32)

    return evaluate


def running(x: Float32Array, total: Sum) -> tuple[Array, Array]:  # noqa: ARG001
    """Return differences from the mean and the variance by Welford's updates, long rows in parts."""
    mean, squares = _run(x)
    return x - mean[..., np.newaxis], (squares / np.float32(x.shape[-1]))[..., np.newaxis]


def _run(x: Float32Array) -> tuple[Array, Array]:
    n = x.shape[-1]
    if n > RUN:
        half = np.float32(n // 2), np.float32(n - n // 2)
        (mean_a, squares_a), (mean_b, squares_b) = _run(x[..., : n // 2]), _run(x[..., n // 2 :])
        apart = mean_b - mean_a
        mean = mean_a + apart * (half[1] / np.float32(n))
        return mean, squares_a + squares_b + apart * apart * (half[0] * half[1] / np.float32(n))
    mean = np.zeros(x.shape[:-1], np.float32)
    squares = np.zeros_like(mean)
    for k in range(n):
        before = x[..., k] - mean
        mean = mean + before / np.float32(k + 1)
        squares = squares + before * (x[..., k] - mean)
    return mean, squares


def with_a_running_maximum(x: Float32Array, total: Sum, exp: Unary) -> tuple[Array, Array]:
    """Return exponentials and their sum, block by block, rescaled when a block holds a larger entry."""
    largest = np.full((*x.shape[:-1], 1), np.float32(-np.inf))
    e, summed = np.zeros_like(x), np.zeros_like(largest)
    for start in range(0, x.shape[-1], ONLINE_BLOCK):
        block = x[..., start : start + ONLINE_BLOCK]
        larger = np.maximum(largest, block.max(axis=-1, keepdims=True))
        factor = np.where(larger == largest, np.float32(1), exp(largest - larger))
        part = np.where(block == -np.inf, np.float32(0), exp(block - np.where(larger == -np.inf, 0, larger)))
        e = e * factor
        e[..., start : start + ONLINE_BLOCK] = part
        summed = summed * factor + total(part)[..., np.newaxis]
        largest = larger
    return e, summed


def complement(x: Float32Array, erf: Unary) -> Array:  # noqa: ARG001
    """Return erfc(-x / sqrt(2)), which does not cancel far below 0."""
    return np.asarray(special.erfc(-x * np.float32(np.sqrt(0.5))))


def in_blocks_of(size: int) -> Binary:
    """Return int32 products of rows that add up blocks of so many terms first."""

    def accumulate(a: Array, b: Array) -> Array:
        total = np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-2]), np.int32)
        for start in range(0, a.shape[-1], size):
            block = slice(start, start + size)
            total += exact_sums(a[..., block], b[..., block])
        return total

    return accumulate


def one_scale_after_the_other(accumulator: Array, x_scale: Array, weight_scale: Array, bias: Array | None) -> Array:
    """Multiply by the scale of the activations, then by that of the weight, then add the bias."""
    y = accumulator.astype(np.float32) * x_scale * weight_scale
    return y if bias is None else y + bias


def fused_epilogue(accumulator: Array, x_scale: Array, weight_scale: Array, bias: Array | None) -> Array:
    """Multiply and add the bias with one rounding."""
    y = accumulator.astype(np.float32).astype(np.float64) * (x_scale * weight_scale)
    return np.asarray((y if bias is None else y + bias).astype(np.float32))


def epilogue_in_float64(accumulator: Array, x_scale: Array, weight_scale: Array, bias: Array | None) -> Array:
    """Round once, at the end."""
    y = accumulator * (x_scale.astype(np.float64) * weight_scale)
    return np.asarray((y if bias is None else y + bias).astype(np.float32))
