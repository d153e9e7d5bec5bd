"""Cases of ``greater``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.comparison import comparison_calls, comparison_cases


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return comparison_cases("greater", "GT-S1", "GT-S2")


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return comparison_calls("greater")
