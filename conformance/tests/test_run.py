"""The verdict on a run: exit statuses, and the reports that carry it."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest

from distilspec.conformance.report.folder import write_report
from distilspec.conformance.report.json_report import as_json, replay_name, schema
from distilspec.conformance.report.run import Run
from distilspec.conformance.result import CaseResult, Judgement, State, Unit
from distilspec.reference.contract.errors import FormatError


def run_of(*states, mandatory=("A-S1",), clause="A-S1"):
    """Return a run with one case for each state."""
    cases = tuple(
        CaseResult(f"m/fp32/{index}", clause, "fp32", "step", Judgement(Unit.BOUND, state, 0.5, 0.1), ("linear",))
        for index, state in enumerate(states)
    )
    return Run("r", "1", {"level": "all"}, "m", ("fp32",), cases, frozenset(mandatory))


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ((State.PASS,), 0),
        ((State.PASS, State.UNDECIDED, State.UNSUPPORTED, State.MISTRUSTED), 0),
        ((State.PASS, State.FAIL), 1),
        ((State.PASS, State.ERROR), 1),
        ((), 2),
        ((State.UNSUPPORTED,), 2),
        ((State.MISTRUSTED, State.UNSUPPORTED), 2),
    ],
)
def test_exit_status_follows_the_states(states, status):
    """0 only when something was judged and nothing failed; judging nothing is never a pass."""
    assert run_of(*states).exit_status == status


def test_judging_fewer_than_half_of_the_mandatory_clauses_is_not_conformant():
    """One clause of three is too few; one of two is enough."""
    assert run_of(State.PASS, mandatory=("A-S1", "B-S1", "C-S1")).exit_status == 1
    assert run_of(State.PASS, mandatory=("A-S1", "B-S1")).exit_status == 0


def test_an_unsupported_case_does_not_count_as_judging_its_clause():
    """Declared unsupported cases neither fail a run nor cover a clause."""
    run = run_of(State.UNSUPPORTED, State.PASS, clause="B-S1", mandatory=("A-S1", "C-S1"))

    assert run.judged_clauses == frozenset()
    assert run.exit_status == 1


def test_a_case_may_be_about_several_clauses():
    """Clause ids are separated by comma and space."""
    assert run_of(State.PASS, clause="A-S1, A-S2", mandatory=("A-S1", "A-S2")).judged_clauses == {"A-S1", "A-S2"}


def test_report_json_follows_its_published_schema():
    """An infinite error is null, and every state and unit is a word of the schema."""
    run = run_of(*State)
    broken = CaseResult("x", "", "fp32", "", Judgement(Unit.EXACT, State.ERROR, np.inf, np.nan, "boom"))
    document = as_json(Run("r", "1", {}, "m", ("fp32",), (*run.cases, broken), run.mandatory))

    jsonschema.validate(document, schema())
    assert document["cases"][-1]["max_error"] is None
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_the_schema_can_refuse():
    """A report without verdict, or with a state that does not exist, is not valid."""
    document = as_json(run_of(State.PASS))
    document["cases"][0]["state"] = "MAYBE"

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema())


def test_a_report_replaces_an_earlier_one_and_nothing_else(tmp_path):
    """A folder with other files is refused and left as it was."""
    write_report(run_of(State.FAIL), tmp_path / "out")
    write_report(run_of(State.PASS), tmp_path / "out")
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")

    assert json.loads((tmp_path / "out" / "report.json").read_text())["exit"] == 0
    with pytest.raises(FormatError, match="holds other files"):
        write_report(run_of(State.PASS), other)
    assert (other / "thesis.txt").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "out"]


def test_a_report_that_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    """A failure half way removes the temporary folder and keeps the earlier report."""
    write_report(run_of(State.PASS), tmp_path / "out")
    monkeypatch.setattr("distilspec.conformance.report.folder.json.dumps", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        write_report(run_of(State.FAIL), tmp_path / "out")

    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert json.loads((tmp_path / "out" / "report.json").read_text())["exit"] == 0


def test_replay_names_are_plain_file_names():
    """A case id with slashes and spaces becomes one folder name that cannot leave its parent."""
    assert replay_name("minilm/fp32/mixed/x.y_z") == "minilm-fp32-mixed-x.y_z"
    assert replay_name("minilm/fp32/mixed/../x y: [1]").startswith("minilm-fp32-mixed-..-x-y-1-")
    assert "/" not in replay_name("/../..//etc")
