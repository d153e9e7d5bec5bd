"""Cases of ``logical_not``."""

from __future__ import annotations

from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, boolean
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("logical_not")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: both values, no elements."""
    yield SOURCE.hand(
        "table",
        "NOT-S1",
        inputs={"x": boolean([[True, False]])},
        expected={"y": boolean([[False, True]])},
        notes="A bit-wise complement of the byte gives 254 for True.",
    )
    yield SOURCE.hand("empty", "NOT-S1", inputs={"x": boolean([])}, expected={"y": boolean([])}, notes="No elements.")
