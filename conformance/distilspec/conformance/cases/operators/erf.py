"""Cases of ``erf``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.unary import unary_calls, unary_cases

#: Where the approximations of common libraries change, and where the result rounds to 1.
MARKS = (0.84375, 1.25, 2.857143, 3.92, 4.0, 6.0)


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return unary_cases("erf", "ERF-S1", marks=MARKS, span=(-4.5, 4.5))


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return unary_calls("erf", MARKS)
