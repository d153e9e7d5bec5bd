"""Cases of ``reciprocal``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.unary import unary_calls, unary_cases

#: The last two have subnormal results.
MARKS = (1.0, 2.0, 3.0, 2.0**126, 2.0**127)


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return unary_cases("reciprocal", "RCP-S1 RCP-S2", marks=MARKS, span=(0.01, 10))


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return unary_calls("reciprocal", MARKS)
