"""Cases of ``minimum``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.binary import binary_calls, binary_cases


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return binary_cases("minimum", "MIN-S1", special="MIN-S1 MIN-S3", integers="MIN-S2")


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return binary_calls("minimum", integers=2**61)
