"""Cases of ``exp``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.unary import unary_calls, unary_cases

#: Halves of ln 2, where the range is reduced; the ends of normal, of finite and of subnormal results.
MARKS = (0.34657359, 0.6931472, 1.0397208, 87.33655, 88.72283, 103.97208, 104.0)


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return unary_cases("exp", "EXP-S1", marks=MARKS, span=(-104, 88.72))


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return unary_calls("exp", MARKS)
