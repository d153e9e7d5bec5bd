"""Wrong ways to carry out ``mean_sigma_range``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real, round_to_float32
from distilspec.reference.contract.types import Array, Float32Array, RealArray
from distilspec.reference.ops.minmax_range import Range


def _held(x: float) -> Float32Array:
    return np.asarray(x, np.float32)


def _mean(values: Array) -> float:
    return float(values.mean())


def _two_passes(values: Array, mean: float) -> float:
    return float(np.sqrt(((values - mean) ** 2).mean()))


def _range_by(
    values_of: Callable[[Array], Array] = round_to_float32,
    mean_of: Callable[[Array], float] = _mean,
    sigma_of: Callable[[Array, float], float] = _two_passes,
) -> Callable[..., Range]:
    def operator(x: RealArray, *, sigmas: float) -> Range:
        values = real(values_of(x))
        mean = mean_of(values)
        reach = sigmas * sigma_of(values, mean)
        low, high = max(mean - reach, values.min()), min(mean + reach, values.max())
        return Range(_held(low), _held(high))

    return operator


def _median(values: Array) -> float:
    return float(np.median(values))


def _zero(values: Array) -> float:  # noqa: ARG001
    return 0.0


def _unbiased(values: Array, mean: float) -> float:
    return float(np.sqrt(((values - mean) ** 2).sum() / max(values.size - 1, 1)))


def _single_pass(values: Array, mean: float) -> float:
    squares = np.mean(np.float32(values) ** 2, dtype=np.float32)
    return float(np.sqrt(max(squares - np.float32(mean) ** 2, np.float32(0))))


def _mean_deviation(values: Array, mean: float) -> float:
    return float(np.abs(values - mean).mean())


def _lower_end_open(x: RealArray, *, sigmas: float) -> Range:
    values = real(round_to_float32(x))
    low = _mean(values) - sigmas * _two_passes(values, _mean(values))
    return Range(_held(low), ops.mean_sigma_range(x, sigmas=sigmas).maximum)


def _upper_end_open(x: RealArray, *, sigmas: float) -> Range:
    values = real(round_to_float32(x))
    high = _mean(values) + sigmas * _two_passes(values, _mean(values))
    return Range(ops.mean_sigma_range(x, sigmas=sigmas).minimum, _held(high))


_NAME = "mean_sigma_range"

MUTANTS = (
    Mutant("x is not rounded to float32", _NAME, ("OBSS-S1",), _range_by(real)),
    Mutant("the median is the centre", _NAME, ("OBSS-S1",), _range_by(mean_of=_median)),
    Mutant("zero is the centre", _NAME, ("OBSS-S1",), _range_by(mean_of=_zero)),
    Mutant("the variance is divided by n - 1", _NAME, ("OBSS-S2",), _range_by(sigma_of=_unbiased)),
    Mutant("the variance is E[x^2] - E[x]^2 in float32", _NAME, ("OBSS-S2",), _range_by(sigma_of=_single_pass)),
    Mutant("sigma is the mean deviation", _NAME, ("OBSS-S2",), _range_by(sigma_of=_mean_deviation)),
    Mutant("the lower end leaves the values", _NAME, ("OBSS-S3",), _lower_end_open),
    Mutant("the upper end leaves the values", _NAME, ("OBSS-S4",), _upper_end_open),
)
