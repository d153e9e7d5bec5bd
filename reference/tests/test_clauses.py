"""The specification's own rules: clauses are well formed, carried out by code, and tested; and these rules can fail."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import itertools
import re
import tokenize
from collections import defaultdict
from pathlib import Path

import pytest

from distilspec.reference.clauses import ClauseError, all_clauses, clauses
from distilspec.reference.objectives import OBJECTIVES
from distilspec.reference.ops import OPERATORS, linear

TESTS = Path(__file__).parent
SPECIFIED = {**OPERATORS, **OBJECTIVES}
MENTION = re.compile(r"\b([A-Z][A-Z0-9]*)-([CS])([1-9][0-9]*)(?: to \1-\2([1-9][0-9]*))?\b")

PLANTED = '''
def double(x):
    """
    Double every element.

    DBL-C1  x is float32
        or float64
    DBL-S1  y = 2 * x   (real numbers)

    Accuracy
    --------
    DBL-S1 is exact.
    """
    return 2 * x  # DBL-S1
'''


def mentioned(text):
    """Return the clause ids in a text; ``LIN-C1 to LIN-C3`` names all three."""
    return {
        f"{prefix}-{kind}{number}"
        for prefix, kind, first, last in MENTION.findall(text)
        for number in range(int(first), int(last or first) + 1)
    }


def in_comments(operator):
    """Return the clause ids in the comments of the file that defines the operator."""
    with Path(inspect.getsourcefile(operator)).open("rb") as file:
        comments = [token.string for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]
    return mentioned("\n".join(comments))


def in_tests(paths):
    """Return the clause ids in the docstrings of test functions."""
    functions = (node for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    docstrings = [
        ast.get_docstring(node) or ""
        for node in functions
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    return mentioned("\n".join(docstrings))


def missing_numbers(operator):
    """Return the ids that must exist for the clauses of each kind to count from 1 without a gap, in order."""
    by_kind = defaultdict(list)
    for clause in clauses(operator):
        by_kind[clause.prefix, clause.kind].append(clause.number)
    return [
        f"{prefix}-{kind}{expected}"
        for (prefix, kind), numbers in by_kind.items()
        for expected, number in enumerate(numbers, start=1)
        if number != expected
    ]


def not_in_code(operator):
    """Return the semantic clauses that no line of the operator's file carries out."""
    return {clause.id for clause in clauses(operator) if clause.kind == "S"} - in_comments(operator)


@pytest.fixture(scope="module")
def known():
    """Return the id of every clause of the specification."""
    return {clause.id for found in all_clauses(SPECIFIED).values() for clause in found}


@pytest.fixture(scope="module")
def tested():
    """Return the ids that tests of this room name; this file plants clauses and does not count."""
    return in_tests(path for path in TESTS.rglob("test_*.py") if path != Path(__file__))


@pytest.fixture
def plant(tmp_path):
    """Return a function that makes an operator out of source text; each in a file of its own, past Python's cache."""
    numbers = itertools.count()

    def load(source, name="double"):
        path = tmp_path / f"planted_{next(numbers)}.py"
        path.write_text(source, "utf-8")
        spec = importlib.util.spec_from_file_location("planted", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return getattr(module, name)

    return load


@pytest.mark.parametrize("operator", SPECIFIED.values(), ids=SPECIFIED)
def test_every_operator_has_semantics_in_consecutive_clauses(operator):
    """Clauses count from 1 in each kind; at least one says what the operator computes."""
    assert any(clause.kind == "S" for clause in clauses(operator))
    assert missing_numbers(operator) == []


@pytest.mark.parametrize("operator", SPECIFIED.values(), ids=SPECIFIED)
def test_every_semantic_clause_stands_at_the_line_that_carries_it_out(operator, known):
    """And no comment names a clause that does not exist."""
    assert not_in_code(operator) == set()
    assert in_comments(operator) - known == set()


@pytest.mark.parametrize("operator", SPECIFIED.values(), ids=SPECIFIED)
def test_every_clause_is_named_by_a_test(operator, tested):
    """In the docstring of a test function, which says what it tests."""
    assert {clause.id for clause in clauses(operator)} - tested == set()


def test_no_two_operators_share_a_prefix():
    """``all_clauses`` refuses it, so that an id has one meaning."""
    assert set(all_clauses(SPECIFIED)) == {*OPERATORS, *OBJECTIVES}
    with pytest.raises(ClauseError, match="prefix LIN is that of linear; expected a prefix of its own"):
        all_clauses({"linear": linear, "other": linear})


def test_clauses_have_id_kind_number_and_text(plant):
    """Continuation lines belong to the clause above; a mention in a section is no clause."""
    precondition, semantics = clauses(plant(PLANTED))

    assert (precondition.id, precondition.prefix, precondition.kind, precondition.number) == ("DBL-C1", "DBL", "C", 1)
    assert precondition.text == "x is float32 or float64"
    assert str(semantics) == "DBL-S1  y = 2 * x   (real numbers)"


def test_an_operator_without_a_docstring_has_no_clauses(plant):
    """The rules above then fail for it; reading it does not."""
    assert clauses(plant("def double(x):\n    return 2 * x\n")) == ()


@pytest.mark.parametrize(
    "line",
    [
        "DBL-S1 y = 2 * x",
        "DBL-S1   y = 2 * x",
        "DBL-S1: y = 2 * x",
        "DBL-S01  y = 2 * x",
        "DBL-S0  y = 2 * x",
        "DBL-X1  y = 2 * x",
        "dbl-s1  y = 2 * x",
        "DBL_S1  y = 2 * x",
        "DBL - S1  y = 2 * x",
        "DBL-S1",
        "  DBL-S1  y = 2 * x",
    ],
)
def test_a_line_that_resembles_a_clause_is_an_error(plant, line):
    """A clause that nobody can find by its form would be neither tested nor judged."""
    operator = plant(PLANTED.replace("DBL-S1  y = 2 * x   (real numbers)", line))

    with pytest.raises(ClauseError, match=r"double: line .*; expected 'PREFIX-S1  text' because") as caught:
        clauses(operator)
    assert "\n" not in str(caught.value)


def test_an_id_has_one_meaning(plant):
    """The same id twice, or two prefixes in one operator, are errors."""
    with pytest.raises(ClauseError, match="clause DBL-S1 stands twice"):
        clauses(plant(PLANTED.replace("DBL-C1", "DBL-S1")))
    with pytest.raises(ClauseError, match="clauses have the prefixes DBL, TWO; expected one"):
        clauses(plant(PLANTED.replace("DBL-C1", "TWO-C1")))


def test_the_rules_accept_a_correct_operator(plant):
    """The planted operator breaks none of them as it is."""
    operator = plant(PLANTED)

    assert missing_numbers(operator) == []
    assert not_in_code(operator) == set()
    assert in_comments(operator) == {"DBL-S1"}


def test_the_rules_find_a_gap_an_uncommented_line_and_an_unknown_comment(plant):
    """Each rule fails on an operator that breaks it."""
    assert missing_numbers(plant(PLANTED.replace("DBL-C1", "DBL-C2"))) == ["DBL-C1"]
    assert not_in_code(plant(PLANTED.replace("  # DBL-S1", ""))) == {"DBL-S1"}
    assert not_in_code(plant(PLANTED.replace("  # DBL-S1", "  # DBL-S10"))) == {"DBL-S1"}
    assert in_comments(plant(PLANTED.replace("# DBL-S1", "# DBL-S1 to DBL-S3"))) == {"DBL-S1", "DBL-S2", "DBL-S3"}


def test_only_the_docstring_of_a_test_names_its_clauses(tmp_path):
    """A clause in a comment, in a parameter or in another function is not tested by that."""
    path = tmp_path / "test_double.py"
    path.write_text(
        "def test_doubles():\n    '''DBL-S1, DBL-C1 to DBL-C3: exactly.'''\n    assert 'DBL-S2'  # DBL-S3\n\n\n"
        "def operands():\n    '''DBL-S4'''\n",
        "utf-8",
    )

    assert in_tests([path]) == {"DBL-S1", "DBL-C1", "DBL-C2", "DBL-C3"}
