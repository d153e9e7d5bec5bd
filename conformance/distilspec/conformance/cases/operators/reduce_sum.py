"""Cases of ``reduce_sum``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.reduction import empty_case, integer_cases, reduction_calls, reduction_cases


def cases() -> Iterator[Case]:
    """Yield the boundary corpus."""
    yield from reduction_cases("reduce_sum", "RSUM-S1", "RSUM-S3")
    yield from integer_cases("reduce_sum", "RSUM-S2", (2**53 + 1, -(2**53) - 3, 2**31, -7, 2**60 + 1))
    yield from empty_case("reduce_sum", "RSUM-S1")


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return reduction_calls("reduce_sum", integers=2**54)
