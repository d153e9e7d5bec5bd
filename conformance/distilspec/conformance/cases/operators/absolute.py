"""Cases of ``absolute``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.unary import unary_calls, unary_cases

MARKS = (1.0, 3.0)


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return unary_cases("absolute", "ABS-S1", marks=MARKS, span=(-4, 4))


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return unary_calls("absolute", MARKS)
