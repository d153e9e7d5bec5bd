"""Cases of ``reduce_mean``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.reduction import reduction_calls, reduction_cases


def cases() -> Iterator[Case]:
    """Yield the boundary corpus."""
    yield from reduction_cases("reduce_mean", "RMEAN-S1", "RMEAN-S2")


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return reduction_calls("reduce_mean")
