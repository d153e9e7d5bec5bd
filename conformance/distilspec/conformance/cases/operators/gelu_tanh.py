"""Cases of ``gelu_tanh``."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case
from distilspec.conformance.cases.families.unary import unary_calls, unary_cases

#: The minimum, where piecewise forms end, and where 1 + tanh cancels to nothing.
MARKS = (0.7524614, 3.0, 5.1, 7.05, 10.0, 13.0)


def cases() -> Iterator[Case]:
    """Return the boundary corpus."""
    return unary_cases("gelu_tanh", "GELUT-S1 GELUT-S2", marks=MARKS, span=(-6, 6), special="GELUT-S2 GELUT-S3")


def strategy() -> SearchStrategy[Call]:
    """Draw calls."""
    return unary_calls("gelu_tanh", MARKS)
