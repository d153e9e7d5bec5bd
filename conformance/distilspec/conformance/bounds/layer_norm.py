"""Bound of ``layer_norm``: docs/derivations/layer_norm.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.model import DIVISION, SQUARE_ROOT, TINY, UNIT, accumulated, gamma, rounding
from distilspec.reference import ops as reference
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array

#: A running mean (Welford) is followed over at most so many elements, or an eighth of a longer row, before a merge.
RUNNING = 64


@np.errstate(all="ignore")
def layer_norm(x: Operand, weight: Operand, bias: Operand, *, epsilon: float) -> Bounded:
    """
    Bound a normalisation in two passes, or by a running mean and variance.

    With d = x - mean and s = sqrt(variance + epsilon), the normalised z = d / s moves by ``_moved``; rounding moves it
    by an error of the mean relative to s, by the error of s, and by single roundings. A variance computed as
    E[x^2] - mean^2 is not a legitimate form: docs/derivations/layer_norm.md says why.
    """
    x, weight, bias = read(x), read(weight), read(bias)
    value = reference.layer_norm(x.value, weight.value, bias.value, epsilon=epsilon)
    at, n = real(x.value), x.shape[-1]
    deviation = at - at.mean(axis=-1, keepdims=True)
    scale = np.sqrt((deviation**2).mean(axis=-1, keepdims=True) + epsilon)
    moved, narrowest = _moved(deviation, scale, x.error, epsilon)
    size_x = np.abs(at) + x.error
    size_d = np.abs(deviation) + x.error + x.error.mean(axis=-1, keepdims=True)
    size_z = np.minimum(np.abs(deviation) / scale + moved, np.sqrt(n))

    mean_error = gamma(n + 24 + 5 * np.log(n)) * size_x.mean(axis=-1, keepdims=True) + 4 * TINY
    run = min(n, max(RUNNING, n / 8))
    root_mean_square = np.sqrt((size_x**2).mean(axis=-1, keepdims=True))
    run_error = gamma(2 * run + 40 + 8 * np.log2(n)) * root_mean_square / narrowest
    summed = gamma(n + 12)
    variance_error = (2 * np.sqrt(2) * run_error + run_error**2) * (1 + summed) + summed + 4 * TINY / narrowest**2
    scale_error = np.where(variance_error < 1, variance_error / (2 * (1 - variance_error)), np.inf)
    shifted = (mean_error + 3 * UNIT * (size_d + mean_error) + 3 * TINY) / narrowest
    share = scale_error + (1 + scale_error) * accumulated(SQUARE_ROOT + DIVISION + 4 * UNIT)
    error_z = moved + shifted * (1 + share) + np.where(size_z > 0, size_z * share, 0.0)

    size_w, size_b = np.abs(real(weight.value)) + weight.error, np.abs(real(bias.value)) + bias.error
    size_y = (size_z + error_z) * size_w + size_b
    moved_y = error_z * size_w + np.abs(deviation) / scale * weight.error + bias.error
    error = moved_y + rounding(size_y, gamma(2), 4) + 4 * TINY * size_w
    peak = np.maximum(n * size_x.mean(axis=-1, keepdims=True), n * (size_d**2).mean(axis=-1, keepdims=True))
    return result(value, error, np.maximum(peak * (1 + gamma(n + 12)), size_y), x, weight, bias)


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
