"""The journal: a run that was killed goes on where it was, and no failure is lost."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from planted_units import case, passes

from distilspec.conformance.check import Evidence
from distilspec.conformance.journal import Journal
from distilspec.conformance.report.run import Run
from distilspec.conformance.result import State
from distilspec.conformance.unit import Outcome
from distilspec.reference.contract.errors import FormatError
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import Builder

HEADER = Run("reference", "0.1", {"threads": "1"}, "operators", ("any",), (), frozenset())


def failing(name):
    """Return a failing case with a program of one step and its inputs."""
    builder = Builder("add", {"a": TensorSpec("float", (2,)), "b": TensorSpec("float", (2,))}, {"recipe": "fp32"})
    (sum_,) = builder.emit("sum", "add", ["a", "b"], {})
    inputs = {"a": np.float32([1, 2]), "b": np.float32([3, np.inf])}
    found = case(name, State.FAIL, Evidence(builder.finish({"sum": sum_}), inputs, "sum"))
    return dataclasses.replace(found, judgement=dataclasses.replace(found.judgement, max_error=np.inf))


def outcome(*cases):
    """Return an outcome that makes one clause mandatory."""
    return Outcome(cases, frozenset({"ADD-S1"}))


def journal(folder, run=HEADER, **arguments):
    """Return the journal of a report in ``folder``."""
    return Journal(folder / "out", run, {"seed": "0", **arguments})


def test_what_ended_is_there_after_a_kill(tmp_path):
    """States, infinite errors, mandatory clauses, and the evidence of a failure."""
    first = journal(tmp_path)
    done = [(passes("a"), outcome(case("a/1"))), (passes("b"), outcome(failing("b/1"), case("b/2")))]
    assert list(first.record(done)) == done

    again = journal(tmp_path)

    assert list(again.finished) == ["a", "b"]
    assert again.finished["a"] == done[0][1]
    found = again.finished["b"].cases[0]
    assert (found.state, found.judgement.max_error) == (State.FAIL, np.inf)
    assert again.finished["b"].mandatory == {"ADD-S1"}
    assert found.evidence.inputs["b"].tolist() == [3, np.inf]
    assert found.evidence.program.steps[0].op == "add"


def test_half_a_line_is_judged_again_and_cut_off(tmp_path):
    """A kill in the middle of a write costs one unit, and the next write starts on a line of its own."""
    first = journal(tmp_path)
    list(first.record([(passes(name), outcome(case(name))) for name in "abc"]))
    lines = tmp_path / "out.unfinished" / "outcomes.jsonl"
    lines.write_bytes(lines.read_bytes()[:-7])

    again = journal(tmp_path)
    assert list(again.finished) == ["a", "b"]
    list(again.record([(passes("c"), outcome(case("c")))]))

    assert list(journal(tmp_path).finished) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("run", "arguments", "named"),
    [
        (dataclasses.replace(HEADER, version="0.2"), {}, "version"),
        (dataclasses.replace(HEADER, options={"threads": "2"}), {}, "options"),
        (HEADER, {"seed": "1"}, "arguments"),
    ],
)
def test_another_run_is_refused(tmp_path, run, arguments, named):
    """Its results would be mixed with this run's."""
    journal(tmp_path)

    with pytest.raises(FormatError, match=f"another {named}"):
        journal(tmp_path, run, **arguments)


def test_a_tampered_line_is_refused(tmp_path):
    """One line that names the file."""
    journal(tmp_path)
    (tmp_path / "out.unfinished" / "outcomes.jsonl").write_text('{"unit": 3}\n')

    with pytest.raises(FormatError, match=r"outcomes\.jsonl.*expected what an unfinished run wrote"):
        journal(tmp_path)


def test_finish_removes_the_folder(tmp_path):
    """The report holds everything then."""
    journal(tmp_path).finish()

    assert list(tmp_path.iterdir()) == []
