"""Cases of ``subtract``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.binary import binary_calls, binary_cases


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return binary_cases("subtract", "SUB-S1", integers="SUB-S2")


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return binary_calls("subtract", integers=2**61)
