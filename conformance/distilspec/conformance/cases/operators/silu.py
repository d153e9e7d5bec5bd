"""Cases of ``silu``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.unary import unary_calls, unary_cases

#: The minimum, where piecewise forms end, and where exp overflows.
MARKS = (1.2784645, 3.0, 17.32868, 88.72283, 103.97208)


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return unary_cases("silu", "SILU-S1", marks=MARKS, span=(-20, 20), special="SILU-S1 SILU-S2")


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return unary_calls("silu", MARKS)
