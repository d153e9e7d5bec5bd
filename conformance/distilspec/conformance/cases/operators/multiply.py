"""Cases of ``multiply``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.binary import FACTORS, binary_calls, binary_cases


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return binary_cases("multiply", "MUL-S1", integers="MUL-S2", whole=FACTORS.tolist())


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return binary_calls("multiply", integers=2**31)
