"""
Texts without labels that a student learns from: only what its teacher says of them counts.

Which texts are taken depends on their words and the seed of the split alone, and none of them has the words of a row
that the result is judged by.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from distilspec.compress.data import Splits, Where, place, read_table, words
from distilspec.reference.contract.errors import RangeError

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_MARKUP = re.compile(r"<[^>]*>")

#: The label of a text without one.
NO_LABEL = -1

#: A sentence with fewer words says little of its own.
FEWEST_WORDS = 4


def read_texts(path: Path, *, text_column: str = "text", where: Where | None = None) -> tuple[str, ...]:
    """
    Return the texts of the rows whose columns have the values of ``where``, in the order of the file.

    Raises
    ------
    FormatError
        As ``read_table``.
    """
    return tuple(row[text_column] or "" for _, row in read_table(path, (text_column,), where or {}))


def sentences(text: str) -> list[str]:
    """
    Return the sentences of a text, its markup left out; one ends at a point, ``!`` or ``?`` before white space.

    Sentences of fewer than ``FEWEST_WORDS`` words are left out.

    >>> sentences("It begins quite well.<br />It does not stay so! Why?")
    ['It begins quite well.', 'It does not stay so!']
    """
    plain = _MARKUP.sub(" ", text)
    return [found for found in map(str.strip, _SENTENCE_END.split(plain)) if len(found.split()) >= FEWEST_WORDS]


def chosen(texts: Iterable[str], rows: int, *, splits: Splits, seed: int) -> tuple[str, ...]:
    """
    Return so many different texts, none of which has the words of a row of ``splits``.

    Raises
    ------
    RangeError
        There are not so many.
    """
    taken = {words(text) for part in splits for text in part.texts}
    different = {words(text): text for text in sorted(texts) if text.strip() and words(text) not in taken}
    if len(different) < rows:
        raise RangeError(
            f"transfer: {rows} rows are asked for; expected at most {len(different)} because no more are different"
        )
    return tuple(sorted(different.values(), key=lambda text: place(text, seed))[:rows])
