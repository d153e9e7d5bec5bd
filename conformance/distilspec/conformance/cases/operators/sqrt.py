"""Cases of ``sqrt``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.unary import unary_calls, unary_cases

MARKS = (1.0, 2.0, 4.0, 16777215.0)


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return unary_cases("sqrt", "SQRT-S1 SQRT-S2", marks=MARKS, span=(0, 100))


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return unary_calls("sqrt", MARKS)
