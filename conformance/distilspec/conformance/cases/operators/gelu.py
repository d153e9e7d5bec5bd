"""Cases of ``gelu``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.unary import unary_calls, unary_cases

#: The minimum, where piecewise forms end, and where 1 + erf cancels to nothing.
MARKS = (0.7517915, 3.0, 5.1, 5.54, 10.0, 13.0)


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return unary_cases("gelu", "GELU-S1", marks=MARKS, span=(-6, 6), special="GELU-S1 GELU-S2")


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return unary_calls("gelu", MARKS)
