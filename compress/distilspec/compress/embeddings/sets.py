"""The sets on which embeddings are judged, read from files of installed packages or of the user's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from distilspec.compress.data import file_of, place, words
from distilspec.compress.embeddings.section import FirstSentence, Similarity, Squad
from distilspec.reference.contract.errors import FormatError, RangeError, errors_about
from distilspec.reference.contract.types import Float64Array
from distilspec.reference.formats.json_file import read_json

_FIRST_END = re.compile(r"(?<=[.!?])\s+")


#: With fewer documents a draw of them can be of a single one.
FEWEST_JUDGED = 10


class JudgedPairs(NamedTuple):
    """Documents, and how alike people found each two: float64 [documents, documents], read above the diagonal."""

    texts: tuple[str, ...]
    scores: Float64Array


class Search(NamedTuple):
    """Questions, the documents in which they are asked, and the number of each question's own document."""

    questions: tuple[str, ...]
    documents: tuple[str, ...]
    answers: tuple[int, ...]


def read_judged_pairs(section: Similarity, source: Path) -> JudgedPairs:
    """
    Return documents and the similarities that people gave them.

    Raises
    ------
    FormatError
        A file cannot be read, or the scores are no square of finite numbers with a side for each document.
    RangeError
        There are fewer than 10 documents, or all scores are equal.
    UnsupportedError
        As ``packaged_file``.
    """
    texts = _lines(file_of(section.package, section.texts, source), section.encoding)
    path = file_of(section.package, section.scores, source)
    try:
        scores = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: {' '.join(str(error).split())}; expected a square of numbers") from None
    if scores.shape != (len(texts), len(texts)) or not np.isfinite(scores).all():
        raise FormatError(
            f"{path}: numbers of the shape {scores.shape}; expected finite ones, {len(texts)} in each direction, "
            "because there are so many documents"
        )
    if len(texts) < FEWEST_JUDGED or np.ptp(scores[np.triu_indices(len(texts), 1)]) == 0:
        raise RangeError(
            f"{path}: {len(texts)} documents and {len(np.unique(scores))} different scores; expected {FEWEST_JUDGED} "
            "documents or more and no equal scores throughout because both are correlated"
        )
    return JudgedPairs(texts, scores)


def read_search(section: FirstSentence | Squad, source: Path, *, seed: int) -> Search:
    """
    Return questions and documents; ``seed`` decides which questions are drawn, where not all are.

    Raises
    ------
    FormatError
        The file cannot be read, or has another form.
    RangeError
        There are fewer than two documents, or fewer questions than the section wants.
    UnsupportedError
        As ``packaged_file``.
    """
    path = file_of(section.package, section.file, source)
    if isinstance(section, Squad):
        found = _squad(path, section, seed)
    else:
        found = first_sentences(_lines(path, section.encoding))
    if len(found.documents) < 2 or not found.questions:
        raise RangeError(
            f"{path}: {len(found.questions)} questions and {len(found.documents)} documents; expected at least 1 and 2 "
            "because one document is always found"
        )
    return found


def first_sentences(texts: tuple[str, ...]) -> Search:
    """
    Return the first sentence of each text as the question whose answer is the rest; each text counts once.

    A sentence ends at a point, ``!`` or ``?`` before white space. A text of one sentence is left out.

    >>> first_sentences(("It rains. Roads are wet.", "Yes.", "it rains.  Roads are wet.", "Why? Nobody knows."))
    Search(questions=('It rains.', 'Why?'), documents=('Roads are wet.', 'Nobody knows.'), answers=(0, 1))
    """
    distinct = {words(text): text for text in reversed(texts)}
    parts = [_FIRST_END.split(text.strip(), maxsplit=1) for text in reversed(distinct.values())]
    parts = [part for part in parts if len(part) == 2]
    return Search(tuple(part[0] for part in parts), tuple(part[1] for part in parts), tuple(range(len(parts))))


def _squad(path: Path, section: Squad, seed: int) -> Search:
    articles = read_json(path, dict).get("data")
    documents: dict[str, int] = {}
    asked: list[tuple[str, int]] = []
    with errors_about(str(path)):
        for article in _every(articles, "data")[: section.articles]:
            for paragraph in _every(_field(article, "paragraphs"), "paragraphs"):
                number = documents.setdefault(_text(paragraph, "context"), len(documents))
                asked += [(_text(one, "question"), number) for one in _every(_field(paragraph, "qas"), "qas")]
        if section.questions is not None:
            if section.questions > len(asked):
                raise RangeError(f"{section.questions} questions are to be drawn; expected at most {len(asked)}")
            asked = sorted(asked, key=lambda one: place(one[0], seed))[: section.questions]
    return Search(tuple(text for text, _ in asked), tuple(documents), tuple(number for _, number in asked))


def _lines(path: Path, encoding: str) -> tuple[str, ...]:
    try:
        lines = tuple(line for line in path.read_text(encoding=encoding).splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: {error}; expected a text in {encoding} with a document a line") from None
    return lines


def _every(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise FormatError(f"{name} is {value!r:.40}; expected a list because SQuAD's form has one")
    return value


def _field(value: Any, name: str) -> Any:
    if not isinstance(value, dict) or name not in value:
        raise FormatError(f"{value!r:.40} has no {name}; expected one because SQuAD's form has it")
    return value[name]


def _text(value: Any, name: str) -> str:
    text = _field(value, name)
    if not isinstance(text, str) or not text.strip():
        raise FormatError(f"{name} is {text!r:.40}; expected a text because it is embedded")
    return text
