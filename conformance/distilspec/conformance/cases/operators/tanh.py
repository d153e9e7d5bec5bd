"""Cases of ``tanh``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.unary import unary_calls, unary_cases

#: Where approximations change, where the result rounds to 1, and where exp(x) and exp(2 x) overflow.
MARKS = (0.0004, 0.625, 1.0, 3.0, 9.010913, 20.0, 44.36, 88.72283)


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return unary_cases("tanh", "TANH-S1", marks=MARKS, span=(-10, 10))


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return unary_calls("tanh", MARKS)
