"""What the documents of the repository promise, as far as a machine can tell."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import settings

from distilspec.reference.clauses import all_clauses

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
TYPES = [
    kind["directory"] for kind in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
]
FRAGMENTS = sorted(path for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md")


def test_the_table_of_operators_in_the_readme_is_the_specification():
    """``python docs/operator_pages.py`` renews it."""
    spec = importlib.util.spec_from_file_location("operator_pages", ROOT / "docs" / "operator_pages.py")
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)

    assert pages.TABLE.findall(README) == [pages.table()]


def test_the_first_two_commands_of_the_readme_are_one_line_each():
    """The first makes ``.venv`` and runs the main job, the second makes ``.venv-test`` and passes the tests."""
    first, second, *_ = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

    assert first.count("\n") == second.count("\n") == 1
    assert first.startswith("python3 -m venv .venv &&")
    assert first.endswith("&& .venv/bin/distilspec check onnxruntime --model minilm\n")
    assert second.startswith("python3 -m venv .venv-test &&")
    assert second.endswith("&& .venv-test/bin/pytest -n 2\n")


def test_every_transcript_in_the_readme_is_real():
    """A transcript that nobody has made yet is marked, and the mark must not be released."""
    assert "TRANSCRIPT-PENDING" not in README


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.name)
def test_a_changelog_fragment_has_a_type_and_a_numerics_fragment_its_clause_and_decision(fragment):
    """A type that towncrier does not know is dropped without a word; a change of bits must say which rule changed."""
    kind = fragment.name.split(".")[-2]
    text = fragment.read_text("utf-8")

    assert kind in TYPES
    if kind == "numerics":
        known = {clause.id for clauses in all_clauses().values() for clause in clauses}
        decisions = {path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")}
        assert set(re.findall(r"[A-Z][A-Z0-9]*-[CS][0-9]+", text)) & known
        assert set(re.findall(r"decision ([0-9]{4})", text)) & decisions


def test_two_seeds_are_two_sets_of_examples():
    """``--hypothesis-seed`` has no effect under derandomize, which Hypothesis chooses by itself where CI is set."""
    assert not settings().derandomize
