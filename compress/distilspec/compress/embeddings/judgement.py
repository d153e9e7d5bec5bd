"""
How well embeddings serve: agreement with people, and what a search finds, with bootstrap intervals.

A bootstrap draws documents, or questions, with replacement. Every model is judged on the same draws, so the interval of
a difference is that of the differences: the paired bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from distilspec.compress.accuracy import CONFIDENCE
from distilspec.compress.embeddings.sets import JudgedPairs, Search
from distilspec.reference.contract.types import Float32Array, Float64Array, Int64Array

#: The ends of an interval then differ between seeds by about a twentieth of its width.
DRAWS = 2000


class Interval(NamedTuple):
    """A value, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


class Measure(NamedTuple):
    """A value, and what it is on each draw, float64 [draws]."""

    value: float
    drawn: Float64Array

    def interval(self, other: Measure | None = None) -> Interval:
        """Return the value with the ends of its percentile interval, or the difference from ``other`` with its own."""
        drawn = self.drawn if other is None else self.drawn - other.drawn
        low, high = np.nanquantile(drawn, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
        return Interval(self.value - (0.0 if other is None else other.value), float(low), float(high))


def judge_pairs(pairs: JudgedPairs, embeddings: Float32Array, *, seed: int) -> dict[str, Measure]:
    """
    Return the correlations of cosines with what people said: ``Pearson``, and ``Spearman`` of their ranks.

    Documents are drawn, and of a draw each pair of two different documents counts as often as it is drawn. A draw whose
    pairs are all alike has no correlation and is left out.
    """
    cosines = embeddings.astype(np.float64) @ embeddings.T.astype(np.float64)
    scores = np.triu(pairs.scores, 1) + np.triu(pairs.scores, 1).T
    upper = np.triu_indices(len(cosines), 1)

    def correlations(documents: Int64Array) -> tuple[float, float]:
        left, right = documents[upper[0]], documents[upper[1]]
        different = left != right
        ours, theirs = (matrix[left[different], right[different]] for matrix in (cosines, scores))
        return _correlation(ours, theirs), _correlation(rankdata(ours), rankdata(theirs))

    return _measures(("Pearson", "Spearman"), correlations, len(cosines), seed)


def judge_search(search: Search, questions: Float32Array, documents: Float32Array, *, seed: int) -> dict[str, Measure]:
    """
    Return ``R@1``, ``R@5`` and ``MRR``: how often the own document is the first or among the first 5, and 1 / place.

    Documents that are as near as the own one stand before it. Questions are drawn.
    """
    nearness = questions.astype(np.float64) @ documents.T.astype(np.float64)
    own = nearness[np.arange(len(questions)), list(search.answers)]
    places = np.sum(nearness >= own[:, None], axis=1)
    scores = np.stack([places == 1, places <= 5, 1 / places], axis=1).astype(np.float64)
    return _measures(("R@1", "R@5", "MRR"), lambda rows: tuple(scores[rows].mean(axis=0)), len(questions), seed)


def _measures(
    names: tuple[str, ...], judge: Callable[[Int64Array], tuple[float, ...]], count: int, seed: int
) -> dict[str, Measure]:
    generator = np.random.Generator(np.random.PCG64(seed))
    values = judge(np.arange(count))
    drawn = np.array([judge(generator.integers(count, size=count)) for _ in range(DRAWS)])
    return {name: Measure(float(value), column) for name, value, column in zip(names, values, drawn.T, strict=True)}


def _correlation(x: Float64Array, y: Float64Array) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def intervals(measures: Mapping[str, Measure], base: Mapping[str, Measure]) -> dict[str, dict[str, Interval]]:
    """Return each measure's own interval and that of its difference from ``base``, as ``value`` and ``difference``."""
    return {name: {"value": one.interval(), "difference": one.interval(base[name])} for name, one in measures.items()}
