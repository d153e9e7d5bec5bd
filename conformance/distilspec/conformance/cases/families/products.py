"""Sizes at which products of matrices go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from distilspec.conformance.cases import values


class Product(NamedTuple):
    """The name and the aim of a case, and the sizes of [rows, inner] times [inner, columns]."""

    name: str
    aim: str
    rows: int
    inner: int
    columns: int


def products() -> Iterator[Product]:
    """Yield sizes around the widths of vectors and of blocks, for each of the three sizes, and none at all."""
    for size in values.TAILS:
        yield Product(f"inner-{size}", "the terms beyond the last full vector", 3, size, 5)
        yield Product(f"columns-{size}", "the outputs beyond the last full vector", 3, 7, size)
    for size in (1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 17, 33):
        yield Product(f"rows-{size}", "the rows beyond the last full block", size, 9, 6)
    yield Product("blocks-16", "nothing but full vectors", 16, 64, 32)
    yield Product("blocks-17", "tails in every direction at once", 17, 65, 33)
    yield Product("inner-769", "several blocks of terms, and a tail", 2, 769, 3)
    yield Product("inner-4097", "many blocks of terms, and a tail", 1, 4097, 2)
    yield Product("columns-769", "several blocks of outputs, and a tail", 2, 5, 769)
    yield Product("rows-0", "no rows", 0, 9, 6)
    yield Product("columns-0", "no outputs", 3, 9, 0)
