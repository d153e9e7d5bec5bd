"""Cases of ``reduce_max``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.reduction import empty_case, integer_cases, reduction_calls, reduction_cases


def cases() -> Iterator[Case]:
    """Yield the boundary corpus."""
    yield from reduction_cases("reduce_max", "RMAX-S1", "RMAX-S4", special="RMAX-S1 RMAX-S2")
    yield from integer_cases(
        "reduce_max", "RMAX-S1", (2**53 + 1, 2**53, -(2**53) - 1, -(2**53), 2**62 + 1, 2**62, -(2**62) - 1)
    )
    yield from empty_case("reduce_max", "RMAX-S3")


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return reduction_calls("reduce_max", integers=2**62)
