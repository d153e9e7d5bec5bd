"""Cases of ``reduce_min``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.reduction import empty_case, integer_cases, reduction_calls, reduction_cases


def cases() -> Iterator[Case]:
    """Yield the boundary corpus."""
    yield from reduction_cases("reduce_min", "RMIN-S1", "RMIN-S4", special="RMIN-S1 RMIN-S2")
    yield from integer_cases(
        "reduce_min", "RMIN-S1", (2**53 + 1, 2**53, -(2**53) - 1, -(2**53), 2**62 + 1, 2**62, -(2**62) - 1)
    )
    yield from empty_case("reduce_min", "RMIN-S3")


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return reduction_calls("reduce_min", integers=2**62)
