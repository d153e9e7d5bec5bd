"""Cases of ``sigmoid``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.unary import unary_calls, unary_cases

#: Where piecewise forms end, where the result rounds to 1, and where exp overflows.
MARKS = (2.5, 17.32868, 44.36, 88.72283, 103.97208)


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return unary_cases("sigmoid", "SIG-S1", marks=MARKS, span=(-20, 20))


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return unary_calls("sigmoid", MARKS)
