"""``distilspec mutants`` as a user meets it, on runtimes of a folder."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from distilspec.conformance.commands import mutants as command
from distilspec.conformance.mutants.candidates import own_candidates
from distilspec.conformance.mutants.examine import Verdict
from distilspec.reference.contract.errors import FormatError

app = typer.Typer()
app.command()(command.mutants)

#: A runtime whose only bug is in quantize; ``{}`` is what its load does first.
ADAPTER = """
from distilspec.conformance.mutants import MutantRuntime, all_mutants

WRONG = next(m for m in all_mutants() if m.name == "ties are rounded away from zero" and m.replaces == "quantize")


class Wrong(MutantRuntime):
    def load(self, program):
        {}
        return super().load(program)


def create(options):
    return Wrong(WRONG)
"""

RIGHT = "from distilspec.conformance.runtimes.reference import create\n"


@pytest.fixture
def call():
    """Return a function that runs the command in this process."""
    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def fates(monkeypatch):
    """Return a function that decides what becomes of the project's own candidates, by their names."""

    def decide(**verdicts):
        def examine_all(candidates, source, seed, jobs):
            for candidate in candidates:
                default = Verdict() if candidate.correct else Verdict("golden", "case", "ADD-S1", "FAIL: a detail")
                yield candidate, verdicts.get(candidate.name, default)

        monkeypatch.setattr(command, "examine_all", examine_all)

    return decide


def test_json_is_the_score_and_nothing_else(call, fates):
    """A script reads these four keys."""
    fates()
    result = call("--json")

    counted = sum(not candidate.correct for candidate in own_candidates())
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"killed": counted, "total": counted, "survived": [], "false_alarms": []}


def test_a_survivor_is_named_with_the_sentence_that_it_breaks(call, fates):
    """Why it matters is in the clause."""
    fates(**{"quantize: ties are rounded away from zero": Verdict()})
    result = call()

    assert result.exit_code == 1
    assert "survived quantize: ties are rounded away from zero" in result.stdout
    assert "breaks Q-S3  r = round_half_even(t)" in result.stdout
    assert "seen in" in result.stdout


def test_a_false_alarm_is_named_with_the_case_that_rejected_it(call, fates):
    """It is a bug of the suite, and this is where to look."""
    fates(**{"float32, pairwise sums": Verdict("corpus", "linear/boundary/tail", "LIN-S1", "FAIL: too far")})
    result = call()

    assert result.exit_code == 1
    assert "false alarm float32, pairwise sums" in result.stdout
    assert "linear/boundary/tail FAIL: too far" in result.stdout
    assert "1 of 38 correct variants rejected" in result.stdout


def test_the_table_has_a_row_for_every_clause_and_says_by_what_it_was_found(call, fates):
    """Clauses of operators and of relations."""
    fates()
    rows = {line.split()[0]: line.split()[1:] for line in call().stdout.splitlines() if "-S" in line}

    assert rows["ABS-S1"] == ["3", "3", "3", "-", "-", "-", "-", "-"]
    assert {"QL-S1", "RUN2-S1", "PAD-S1", "DEC-S2"} <= set(rows)


def test_quick_takes_a_sample_by_the_seed(call, fates):
    """Fewer mutants, and others under another seed."""
    fates()
    first, second = (json.loads(call("--quick", "--json", "--seed", seed).stdout) for seed in (0, 1))

    assert 100 < first["total"] < 300
    assert first["total"] != json.loads(call("--json").stdout)["total"]
    assert second["total"] > 100


def test_a_folder_that_holds_nothing_is_refused(call, tmp_path):
    """One line, which the distilspec command prints with exit status 2."""
    result = call("--from", tmp_path)

    assert isinstance(result.exception, FormatError)


def test_mutants_of_others_are_judged_in_processes_of_their_own(call, tmp_path):
    """One is found by its bug; a file that is no Python is named, and ends nothing."""
    (tmp_path / "ties.py").write_text(ADAPTER.format("pass"))
    (tmp_path / "broken.py").write_text("def create(options)\n")

    result = call("--from", tmp_path, "--json")

    assert result.exit_code == 2
    assert json.loads(result.stdout) == {"killed": 1, "total": 1, "survived": [], "false_alarms": []}
    assert result.stderr.startswith("distilspec: mutants: broken.py: SyntaxError")
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_an_equivalent_mutant_survives_and_a_wrong_variant_is_accused(call, tmp_path):
    """The suite says what it sees, not what it is told; a mutant that ends its process is found by that."""
    (tmp_path / "variants").mkdir()
    (tmp_path / "equivalent.py").write_text(RIGHT)
    (tmp_path / "dies.py").write_text(ADAPTER.format("import os; os._exit(3)"))
    (tmp_path / "variants" / "right.py").write_text(RIGHT)
    (tmp_path / "variants" / "wrong.py").write_text(ADAPTER.format("pass"))

    result = call("--from", tmp_path, "--json", "--jobs", 2)

    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "killed": 1, "total": 2, "survived": ["equivalent.py"], "false_alarms": ["variants/wrong.py"],
    }  # fmt: skip
