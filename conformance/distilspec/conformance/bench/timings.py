"""What is said of a list of times: quartiles, percentiles, and whether it has two speeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Two speeds are told apart where the slower one takes so many times as long.
APART = 1.2

#: Each of two speeds must hold so large a share of the times, and so many of them: less are outliers.
SMALLEST_SHARE, SMALLEST_COUNT = 0.1, 3

#: Ashman's D, sqrt(2) |a - b| / sqrt(s_a^2 + s_b^2), from which two halves are two clusters. Halves of one normal
#: distribution have 2.65, of an exponential one 2.6, of a uniform one 3.46.
SEPARATION = 4.0


@dataclass(frozen=True)
class Quartiles:
    """The middle of some values and of their lower and upper halves."""

    first: float
    median: float
    third: float

    @property
    def spread(self) -> float:
        """Return the distance of the outer quartiles, between which half of the values lie."""
        return self.third - self.first


def quartiles(values: Sequence[float]) -> Quartiles:
    """Return the quartiles of at least one value, between neighbours where the place is between them."""
    return Quartiles(*map(float, np.quantile(values, (0.25, 0.5, 0.75))))


def percentile(values: Sequence[float], percent: float) -> float:
    """
    Return the smallest of ``values`` that ``percent`` % of them do not exceed: a time that was measured.

    >>> percentile([3.0, 1.0, 2.0, 4.0], 50)
    2.0
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def two_speeds(times: Sequence[float]) -> tuple[float, float] | None:
    """
    Return the medians of two clusters, the quicker first, or None where there is one cluster.

    The times are cut in two where the squares of the distances from the means of the parts add up to the least. The
    parts are clusters if their medians are ``APART``, neither consists of outliers, and D is above ``SEPARATION``.
    """
    ordered = np.sort(np.asarray(times, np.float64))
    fewest = max(SMALLEST_COUNT, math.ceil(SMALLEST_SHARE * len(ordered)))
    cuts = range(fewest, len(ordered) - fewest + 1)
    if not cuts:
        return None
    cut = min(cuts, key=lambda at: _scatter(ordered[:at]) + _scatter(ordered[at:]))
    low, high = ordered[:cut], ordered[cut:]
    quick, slow = float(np.median(low)), float(np.median(high))
    separation = math.sqrt(2) * (high.mean() - low.mean())
    if slow < APART * quick or separation <= SEPARATION * math.sqrt(low.var() + high.var()):
        return None
    return quick, slow


def _scatter(part: np.ndarray) -> float:
    return float(part.var() * len(part))
