"""Wrong ways to carry out ``percentile_range``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real, round_to_float32
from distilspec.reference.contract.types import Array, Float32Array, Float64Array, RealArray
from distilspec.reference.ops.minmax_range import Range


def _held(x: float) -> Float32Array:
    return np.asarray(x, np.float32)


def _share(percentile: float, size: int) -> float:
    return (100 - percentile) / 100 * (size - 1)


def _between(ordered: Float64Array, t: float) -> float:
    k = int(t)
    following = ordered[min(k + 1, ordered.size - 1)]
    return float(ordered[k] + (t - k) * (following - ordered[k]))


def _range_by(
    values_of: Callable[[Array], Array] = round_to_float32,
    position: Callable[[float, int], float] = _share,
    pick: Callable[[Float64Array, float], float] = _between,
) -> Callable[..., Range]:
    def operator(x: RealArray, *, percentile: float) -> Range:
        ordered = real(np.sort(values_of(x), axis=None))
        t = position(percentile, x.size)
        return Range(_held(pick(ordered, t)), _held(pick(ordered[::-1], t)))

    return operator


def _both_sides_share(percentile: float, size: int) -> float:
    return _share(percentile, size) / 2


def _of_the_count(percentile: float, size: int) -> float:
    return min((100 - percentile) / 100 * size, size - 1)


def _nearest(ordered: Float64Array, t: float) -> float:
    return float(ordered[round(t)])


def _lower(ordered: Float64Array, t: float) -> float:
    return float(ordered[int(t)])


def _of_magnitudes(x: RealArray, *, percentile: float) -> Range:
    largest = ops.percentile_range(np.abs(x), percentile=percentile).maximum
    return Range(-largest, largest)


def _same_order_for_both(x: RealArray, *, percentile: float) -> Range:
    ordered = real(np.sort(round_to_float32(x), axis=None))
    low, high = _between(ordered, _share(percentile, x.size)), _lower(ordered, percentile / 100 * (x.size - 1))
    return Range(_held(low), _held(high))


_NAME = "percentile_range"

MUTANTS = (
    Mutant("x is not rounded to float32", _NAME, ("OBSP-S1",), _range_by(real)),
    Mutant("magnitudes are ordered", _NAME, ("OBSP-S1",), _of_magnitudes),
    Mutant("both ends together leave out the share", _NAME, ("OBSP-S2",), _range_by(position=_both_sides_share)),
    Mutant("the share is of n, not of n - 1", _NAME, ("OBSP-S2",), _range_by(position=_of_the_count)),
    Mutant("the nearest value is taken", _NAME, ("OBSP-S3",), _range_by(pick=_nearest)),
    Mutant("the value beyond is taken", _NAME, ("OBSP-S3",), _range_by(pick=_lower)),
    Mutant("the upper end is not interpolated", _NAME, ("OBSP-S4",), _same_order_for_both),
)
