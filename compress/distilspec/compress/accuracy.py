"""Accuracy in points, with the interval that other rows of the same kind would likely have given."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from distilspec.reference.contract.types import BoolArray, Float64Array

CONFIDENCE = 0.95

#: The ends of the interval of 2,000 rows at 80 % then differ by up to 0.1 points between twelve seeds.
_RESAMPLES = 9999


class Points(NamedTuple):
    """Hundredths of the rows, and the ends of the 95 % interval."""

    points: float
    low: float
    high: float


def accuracy_of(correct: BoolArray) -> Points:
    """Return the accuracy of answers of which each is right or wrong, bool [rows]."""
    return _interval(correct.astype(np.float64))


def difference_of(correct: BoolArray, other: BoolArray) -> Points:
    """Return by how much the first is better, the rows of both drawn together: the paired bootstrap."""
    return _interval(correct.astype(np.float64) - other)


def _interval(values: Float64Array) -> Points:
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=_RESAMPLES,
        batch=100,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Points(*(100 * float(value) for value in (values.mean(), found.low, found.high)))
