"""``fuzz_operator``: drawn calls, whose failures shrink through the runtime, and are kept."""

from __future__ import annotations

import shlex
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from planted_runtimes import Counting, crashing_relu, hanging_relu, mutant, planted

from distilspec.conformance.cases import fuzz
from distilspec.conformance.cases.fuzz import fuzz_operator
from distilspec.conformance.cases.operators import OPERATORS
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.reference import ops

EXAMPLES = Path(__file__).parents[3] / "examples" / "runtimes" / "python"


def results(runtime, operator, *, seed=1, examples=60, database=None):
    """Return the results as a list."""
    return list(fuzz_operator(runtime, operator, seed=seed, examples=examples, database=database))


def operands(result):
    """Return the operands of the smallest call, by name."""
    program = result.evidence.program
    return {**program.constants, **result.evidence.inputs}


def above(limit):
    """Return a relu that is wrong for finite numbers above a limit."""
    return lambda x: np.where((x > limit) & np.isfinite(x), np.float32(-1), ops.relu(x))


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_reference_passes_on_valid_calls(operator):
    """A call that broke a precondition would raise; examples that prove nothing are counted, and few."""
    (result,) = results(find_runtime("reference"), operator, examples=15)

    assert (result.id, result.state) == (f"{operator}/fuzz/1", State.PASS)
    assert "examples" in result.judgement.detail


@pytest.mark.slow
@pytest.mark.parametrize("operator", OPERATORS)
def test_the_reference_passes_on_many_calls(operator):
    """The same with more examples and another seed."""
    (result,) = results(find_runtime("reference"), operator, examples=300, seed=7)

    assert result.state is State.PASS


def test_a_failure_shrinks_to_a_minimal_tensor():
    """Two products of full range, and no more; the bug is named, and its clause."""
    (result,) = results(mutant("quantized_linear", "pairs of products saturate in 16 bits"), "quantized_linear")

    assert (result.id, result.state, result.clause) == ("quantized_linear/fuzz/1-1", State.FAIL, "QL-S1")
    assert result.judgement.cause == "pairs of products saturate in 16 bits [QL-S1]"
    assert operands(result)["x"].size == operands(result)["weight"].size == 2
    assert "examples fail so" in result.judgement.detail


def test_a_bug_of_tails_shrinks_to_the_first_tail():
    """17 terms, of which the last one alone matters."""
    (result,) = results(mutant("linear", "the tail beyond a multiple of 16 inputs is dropped"), "linear", seed=4)

    assert operands(result)["weight"].size <= 17
    assert np.count_nonzero(operands(result)["weight"]) == 1


@pytest.mark.parametrize(
    ("function", "state"), [(crashing_relu, State.CRASH), (hanging_relu, State.TIMEOUT), (above(2), State.FAIL)]
)
def test_crashes_and_hangs_shrink_like_wrong_answers(function, state):
    """One number above 2."""
    (result,) = results(planted("relu", function), "relu")

    assert result.state is state
    assert operands(result)["x"].size == 1
    assert operands(result)["x"].item() > 2


def test_a_runtime_that_hangs_is_asked_no_more():
    """Every hang costs the time limit."""

    def hanging_and_wrong(x):
        return above(-2)(hanging_relu(x))

    found = results(planted("relu", hanging_and_wrong), "relu", examples=200)

    assert [result.state for result in found].count(State.TIMEOUT) == 1
    assert found[-1].state is State.TIMEOUT


def test_two_bugs_are_two_failures():
    """Each has a call of its own; a tensor that shows both at once may be a third, which neither explains."""

    def both(x):
        return np.where(np.isnan(x), np.float32(0), np.minimum(ops.relu(x), np.float32(6)))

    found = results(planted("relu", both), "relu", examples=150)

    clauses = {result.judgement.cause: result.clause for result in found}
    assert clauses["elements are clipped at 6 [RELU-S1]"] == "RELU-S1"
    assert clauses["NaN becomes 0 [RELU-S2]"] == "RELU-S2"
    assert [result.id for result in found] == [f"relu/fuzz/1-{number + 1}" for number in range(len(found))]


def test_the_same_seed_draws_the_same_calls_and_another_seed_others():
    """Examples are fresh when the seed is."""
    drawn = []
    for seed in (3, 3, 4):
        function = Counting(ops.relu)
        results(planted("relu", function), "relu", seed=seed, examples=20)
        drawn.append([x.tobytes() for (x,) in function.calls])

    assert drawn[0] == drawn[1]
    assert len(set(drawn[0]) & set(drawn[2])) < len(set(drawn[0])) / 2


def test_shrinking_has_a_limit(monkeypatch):
    """Calls of the runtime are counted, twice each because two runs must agree."""
    monkeypatch.setattr(fuzz, "SHRINKING_CALLS", 5)
    monkeypatch.setattr(fuzz, "REDUCING_CALLS", 3)
    function = Counting(above(-9))
    (result,) = results(planted("relu", function), "relu", examples=1)

    assert result.state is State.FAIL
    assert len(function.calls) <= 2 * (1 + 5 + 3) + 2


def test_a_failure_is_kept_and_asked_first_in_the_next_run(tmp_path):
    """With one example to draw, the next run still finds it; another runtime has its own examples."""
    rare = planted("relu", above(1e30), "one")
    (result,) = results(rare, "relu", examples=300, database=tmp_path)
    assert result.state is State.FAIL

    (again,) = results(rare, "relu", examples=1, seed=99, database=tmp_path)
    assert again.state is State.FAIL
    assert again.id == "relu/fuzz/99-1"
    (other,) = results(planted("relu", above(1e30), "two"), "relu", examples=1, seed=99, database=tmp_path)
    assert other.state is State.PASS
    mended = planted("relu", ops.relu, "one")
    assert [result.state for result in results(mended, "relu", examples=1, database=tmp_path)] == [State.PASS]


def test_a_run_that_is_killed_loses_no_failure(tmp_path):
    """Killed while the failure shrinks; the next run draws a single example, and finds it none the less."""
    wrong = Counting(above(1e30))

    def killed(x):
        if len([x for (x,) in wrong.calls if np.any((x > 1e30) & np.isfinite(x))]) > 4:
            raise KeyboardInterrupt
        return wrong(x)

    with pytest.raises(KeyboardInterrupt):
        results(planted("relu", killed), "relu", examples=300, database=tmp_path)
    wrong.calls.clear()
    (result,) = results(planted("relu", above(1e30)), "relu", examples=1, seed=99, database=tmp_path)

    assert result.state is State.FAIL
    assert operands(result)["x"].size == 1


def test_an_answer_that_comes_and_goes_is_reported_as_such():
    """The smallest call is asked once more."""
    counts = iter(range(10**6))

    def sometimes(x):
        return above(2)(x) if next(counts) < 40 else ops.relu(x)

    (result,) = results(planted("relu", sometimes), "relu")

    assert result.state is State.FAIL
    assert result.judgement.detail.endswith("asked again, the same call ends in PASS")


def test_an_operator_that_is_not_declared_is_unsupported():
    """And nothing is drawn."""
    runtime = planted("relu", ops.relu)
    runtime.supports = lambda op: False
    (result,) = results(runtime, "relu")

    assert (result.id, result.state) == ("relu/fuzz/1", State.UNSUPPORTED)


def test_examples_that_prove_nothing_make_a_run_that_proves_nothing(monkeypatch):
    """Counted, and MISTRUSTED where they are the most."""
    monkeypatch.setattr(fuzz, "MOST_MISTRUSTED", -1.0)
    (result,) = results(find_runtime("reference"), "softmax")

    assert result.state is State.MISTRUSTED
    assert "of them prove nothing" in result.judgement.detail


WORKER = """
import os, sys
sys.path.insert(0, {examples!r})
import numpy as np
from worker import serve

def apply(op, operands, attributes, outputs):
    x = operands["x"]
    if (x > 500).any():
        os._exit(3)
    return {{outputs[0]: np.minimum(np.maximum(x, 0), 6).astype(np.float32)}}

serve({{"name": "planted", "version": "1", "ops": ["relu"], "program": "none"}}, apply=apply)
"""


def test_failures_shrink_through_a_process(tmp_path, monkeypatch):
    """A worker that clips at 6 and ends above 500: a single number, and a few; a crash costs a new process."""
    monkeypatch.setattr(fuzz, "SHRINKING_CALLS", 20)
    monkeypatch.setattr(fuzz, "REDUCING_CALLS", 10)
    script = tmp_path / "worker.py"
    script.write_text(textwrap.dedent(WORKER.format(examples=str(EXAMPLES))), "utf-8")
    runtime = find_runtime(f"exec:{shlex.join([sys.executable, str(script)])}")
    try:
        found = {result.state: result for result in results(runtime, "relu", examples=60, seed=2)}
    finally:
        runtime.close()

    assert set(found) == {State.FAIL, State.CRASH}
    assert operands(found[State.FAIL])["x"].size == 1
    assert operands(found[State.CRASH])["x"].size < 10
