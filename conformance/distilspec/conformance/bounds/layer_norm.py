"""Bound of ``layer_norm``: docs/derivations/layer_norm.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import DIVISION, SQUARE_ROOT, TINY, UNIT, accumulated, gamma, rounding
from distilspec.reference import ops as reference
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array

#: A running mean (Welford) is followed over at most so many elements, or an eighth of a longer row, before a merge.
RUNNING = 64

#: A form whose variance may be off by more than this share of itself is not followed: it has no digits to promise.
COVERED = 0.5


#: A shift that is farther from the mean than so many deviations is no better than none.
NEAR = 2.0


@dataclass(frozen=True)
class _Rows:
    """
    What the forms need to know of the rows: upper bounds over all operands within their errors.

    ``size_x``, ``size_d`` and ``size_z`` bound |x|, |x - mean| and |z| [..., n], ``first`` |x[0] - mean| [..., 1];
    ``narrowest`` is a lower bound on the root of variance + epsilon [..., 1].
    """

    size_x: Float64Array
    size_d: Float64Array
    size_z: Float64Array
    first: Float64Array
    narrowest: Float64Array


@np.errstate(all="ignore")
def layer_norm(x: Operand, weight: Operand, bias: Operand, *, epsilon: float) -> Bounded:
    """
    Bound a normalisation in two passes, by a running mean and variance, or in one pass over x - x[0].

    The normalised z moves by ``_moved``, and float32 rounds it by the largest error of the three forms. A variance
    computed as E[x^2] - mean^2 of x itself is not a legitimate form: docs/derivations/layer_norm.md says why.
    """
    x, weight, bias = read(x), read(weight), read(bias)
    value = reference.layer_norm(x.value, weight.value, bias.value, epsilon=epsilon)
    at, n = real(x.value), x.shape[-1]
    deviation = at - at.mean(axis=-1, keepdims=True)
    scale = np.sqrt((deviation**2).mean(axis=-1, keepdims=True) + epsilon)
    moved, narrowest = _moved(deviation, scale, x.error, epsilon)
    size_z = np.minimum(np.abs(deviation) / scale + moved, np.sqrt(n))
    size_d = np.abs(deviation) + x.error + x.error.mean(axis=-1, keepdims=True)
    rows = _Rows(np.abs(at) + x.error, size_d, size_z, size_d[..., :1], narrowest)

    error_z = moved + np.maximum(np.maximum(_two_passes(rows), _running(rows)), _shifted(rows))
    size_w, size_b = np.abs(real(weight.value)) + weight.error, np.abs(real(bias.value)) + bias.error
    size_y = (size_z + error_z) * size_w + size_b
    moved_y = error_z * size_w + np.abs(deviation) / scale * weight.error + bias.error
    mean_x = rows.size_x.mean(axis=-1, keepdims=True)
    flushed = np.where(size_w > 0, (4 * size_w + rows.size_x + mean_x + size_d) * TINY, 0.0)
    error = moved_y + rounding(size_y, gamma(2), 4) + flushed
    squares = 2 * (size_d**2 + rows.first**2)
    total = np.maximum(rows.size_x.sum(axis=-1, keepdims=True), squares.sum(axis=-1, keepdims=True))
    affine = (1 + rows.size_x + mean_x) * np.maximum(size_w, 1) / narrowest
    peak = np.maximum(total * (1 + gamma(n + 12)), size_y + affine)
    return result(value, error, peak, x, weight, bias)


def _moved(
    deviation: Float64Array, scale: Float64Array, error: Float64Array, epsilon: float
) -> tuple[Float64Array, Float64Array]:
    """Return how far z = d / s moves with x, and the smallest s on the way."""
    length = np.sqrt((error**2).mean(axis=-1, keepdims=True))
    narrowest = np.maximum(scale - length, np.sqrt(epsilon))
    z = np.abs(deviation) / scale
    by_slope = (error + error.mean(axis=-1, keepdims=True) + z * length) / narrowest
    by_range = np.sqrt(deviation.shape[-1]) + z
    return np.where(length > 0, np.minimum(by_slope, by_range), 0.0), narrowest


def _two_passes(rows: _Rows) -> Float64Array:
    """Bound (x - mean) / s with a mean that is off by c, which is in the variance too, as c^2."""
    n = rows.size_x.shape[-1]
    off = gamma(n + 3) * rows.size_x.mean(axis=-1, keepdims=True) + 2 * TINY
    widened = np.sqrt(rows.narrowest**2 + off**2)
    shifted = off / widened + rows.size_z * (1 - rows.narrowest / widened)
    return _divided(rows, shifted, gamma(n + 8))


def _running(rows: _Rows) -> Float64Array:
    """Bound a mean and a variance that are updated with each element, in chains that are merged."""
    n = rows.size_x.shape[-1]
    off = gamma(n + 5 * (2 + np.log(n))) * rows.size_x.mean(axis=-1, keepdims=True) + 2 * TINY
    chain = min(n, max(RUNNING, n / 8))
    root_mean_square = np.sqrt((rows.size_x**2).mean(axis=-1, keepdims=True))
    lag = gamma(2 * chain + 40 + 8 * np.log2(n)) * root_mean_square / rows.narrowest
    summed = gamma(n + 12)
    return _divided(rows, off / rows.narrowest, (2 * np.sqrt(2) * lag + lag**2) * (1 + summed) + summed)


def _shifted(rows: _Rows) -> Float64Array:
    """Bound E[t^2] - E[t]^2 of t = x - x[0], which is as good as x[0] is near the mean, and only followed there."""
    n = rows.size_x.shape[-1]
    square, mean_x = rows.narrowest**2 + rows.first**2, rows.size_x.mean(axis=-1, keepdims=True)
    mean_t = np.minimum(np.sqrt(square), mean_x + rows.size_x[..., :1])
    off = gamma(n + 3) * mean_t + UNIT * mean_x + 2 * TINY
    lost = gamma(n + 10) * (square + 2 * rows.first * mean_t) / rows.narrowest**2
    return np.where(rows.first <= NEAR * rows.narrowest, _divided(rows, off / rows.narrowest, lost), 0.0)


def _divided(rows: _Rows, shifted: Float64Array, variance_error: Float64Array) -> Float64Array:
    """
    Return the error of z when x - mean is off by ``shifted`` standard deviations and the variance by a share of itself.

    A difference, or a product with x and one with the mean that are subtracted, a root, a quotient and the product with
    a reciprocal root and a weight are rounded. A form that is not covered adds nothing.
    """
    variance_error = variance_error + 4 * TINY / rows.narrowest**2
    single = 3 * UNIT * (rows.size_d + rows.size_x.mean(axis=-1, keepdims=True)) / rows.narrowest
    of_scale = 1 / np.sqrt(1 - np.minimum(variance_error, COVERED)) - 1
    share = of_scale + (1 + of_scale) * accumulated(SQUARE_ROOT + DIVISION + 4 * UNIT)
    error = (shifted + single + 3 * TINY / rows.narrowest) * (1 + share)
    error = error + np.where(rows.size_z > 0, rows.size_z * share, 0.0)
    return np.where(variance_error < COVERED, error, 0.0)
