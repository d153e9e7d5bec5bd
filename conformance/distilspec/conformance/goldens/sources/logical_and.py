"""Cases of ``logical_and``."""

from __future__ import annotations

from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, boolean
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("logical_and")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: the table, broadcasting, no elements."""
    yield SOURCE.hand(
        "table",
        "AND-S1",
        inputs={"a": boolean([False, False, True, True]), "b": boolean([False, True, False, True])},
        expected={"y": boolean([False, False, False, True])},
        notes="All four pairs.",
    )
    yield SOURCE.hand(
        "broadcast",
        "AND-S1",
        inputs={"a": boolean([[True], [False]]), "b": boolean([True, False])},
        expected={"y": boolean([[True, False], [False, False]])},
        notes="A column and a row.",
    )
    yield SOURCE.hand(
        "empty",
        "AND-S1",
        inputs={"a": boolean([[]]), "b": boolean([[]])},
        expected={"y": boolean([[]])},
        notes="No elements.",
    )
