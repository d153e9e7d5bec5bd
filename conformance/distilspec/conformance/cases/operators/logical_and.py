"""Cases of ``logical_and``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.comparison import logical_calls, logical_cases


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return logical_cases("logical_and", "AND-S1")


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return logical_calls("logical_and")
