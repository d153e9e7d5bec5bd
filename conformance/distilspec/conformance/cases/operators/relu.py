"""Cases of ``relu``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.unary import unary_calls, unary_cases

#: Where ReLU6 clips.
MARKS = (6.0,)


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return unary_cases("relu", "RELU-S1", marks=MARKS, span=(-8, 8), special="RELU-S1 RELU-S2")


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return unary_calls("relu", MARKS)
