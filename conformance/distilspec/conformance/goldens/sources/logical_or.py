"""Cases of ``logical_or``."""

from __future__ import annotations

from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, boolean
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("logical_or")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: the table, broadcasting, no elements."""
    yield SOURCE.hand(
        "table",
        "OR-S1",
        inputs={"a": boolean([False, False, True, True]), "b": boolean([False, True, False, True])},
        expected={"y": boolean([False, True, True, True])},
        notes="All four pairs; True and True is True, as it is not in an exclusive or.",
    )
    yield SOURCE.hand(
        "broadcast",
        "OR-S1",
        inputs={"a": boolean([[True], [False]]), "b": boolean([True, False])},
        expected={"y": boolean([[True, True], [True, False]])},
        notes="A column and a row.",
    )
    yield SOURCE.hand(
        "empty",
        "OR-S1",
        inputs={"a": boolean([[]]), "b": boolean([[]])},
        expected={"y": boolean([[]])},
        notes="No elements.",
    )
