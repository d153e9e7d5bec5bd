"""``check_operators``: goldens as programs of one step, judged by their known answers."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from distilspec.conformance.check import check_operators
from distilspec.conformance.goldens import Expected, GoldenCase, load_goldens
from distilspec.conformance.result import State, Unit
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.runtimes.adapter import Executable, Runtime
from distilspec.reference.contract.errors import ShapeError, UnsupportedError

OUTPUT = "sentence_embedding"


class Answering(Runtime):
    """Answers every question alike."""

    name, version, options = "answering", "1", {}

    def __init__(self, **answer):
        """Give these outputs by their labels, or raise."""
        self.answer = answer

    def supports(self, op):
        """Every operator but exp."""
        return op != "exp"

    def load(self, program):
        """Return an executable with the answer."""
        answer = self.answer

        class Fixed(Executable):
            def run(self, inputs):
                if "error" in answer:
                    raise answer["error"]
                return answer

            def survivors(self):
                return ()

            def run_exposed(self, inputs, expose):
                return answer

        return Fixed()


X = np.float32([1, 3, -1])
CODES = GoldenCase(
    id="quantize-ties",
    operator="quantize",
    clauses=("Q-S3", "Q-S4"),
    origin="hand",
    inputs={"x": X, "scale": np.float32(2), "zero_point": np.uint8(1)},
    expected=(Expected("y", np.uint8([1, 3, 1]), "exact"),),
    notes="ties to even",
)
RELU = GoldenCase(
    id="relu-some",
    operator="relu",
    clauses=("RELU-S1",),
    origin="hand",
    inputs={"x": X},
    expected=(Expected("y", np.array([1.0, 3.0, 0.0]), "bound"),),
    notes="",
)


def outcome(case, **answer):
    """Return the one result of a runtime that gives this answer."""
    (result,) = check_operators(Answering(**answer), [case])
    return result


def test_a_golden_is_judged_by_its_answer():
    """The case's clauses, the operator, the evidence; a small tensor is not mistrusted because its answer is known."""
    result = outcome(CODES, y=np.uint8([1, 3, 1]))

    assert (result.state, result.clause, result.step, result.recipe) == (State.PASS, "Q-S3, Q-S4", "quantize", "any")
    assert outcome(CODES, y=np.uint8([1, 3, 2])).state is State.FAIL
    assert outcome(CODES, y=np.int8([1, 3, 1])).state is State.FAIL
    assert outcome(CODES, y=np.uint8([[1, 3, 1]])).state is State.FAIL
    constant = dataclasses.replace(RELU, inputs={"x": -np.ones(100, np.float32)}, expected=(
        Expected("y", np.zeros(100), "bound"),
    ))  # fmt: skip
    assert outcome(constant, y=np.zeros(100, np.float32)).state is State.PASS
    assert outcome(constant, y=np.full(100, 1e-3, np.float32)).state is State.FAIL


def test_any_allowed_answer_passes_whole():
    """Not a mixture of two of them."""
    case = dataclasses.replace(CODES, allowed=((Expected("y", np.uint8([2, 4, 2]), "exact"),),))

    assert outcome(case, y=np.uint8([1, 3, 1])).state is State.PASS
    assert outcome(case, y=np.uint8([2, 4, 2])).state is State.PASS
    assert outcome(case, y=np.uint8([2, 3, 1])).state is State.FAIL
    assert outcome(case, y=np.uint8([3, 5, 3])).state is State.FAIL


def test_an_open_element_may_hold_anything_and_its_neighbours_may_not():
    """The mask is honoured for codes and for floats, and for allowed answers too."""
    judged = np.array([True, True, False])
    codes = dataclasses.replace(CODES, expected=(Expected("y", np.uint8([1, 3, 1]), "exact", judged),))
    floats = dataclasses.replace(RELU, expected=(Expected("y", np.array([1.0, 3.0, 0.0]), "bound", judged),))

    assert outcome(codes, y=np.uint8([1, 3, 200])).state is State.PASS
    assert outcome(codes, y=np.uint8([1, 4, 200])).state is State.FAIL
    assert outcome(floats, y=np.float32([1, 3, np.nan])).state is State.PASS
    assert outcome(floats, y=np.float32([1, np.nan, 0])).state is State.FAIL


def test_an_exact_answer_has_no_bound():
    """A golden that says exact is not widened by the operator's derived bound."""
    case = dataclasses.replace(
        RELU, operator="tanh", clauses=("TANH-S1",), inputs={"x": np.float32([0, 1])},
        expected=(Expected("y", np.array([0.0, np.tanh(1.0)]), "bound"),),
    )  # fmt: skip
    nearest, next_to_it = (
        np.float32([0, value]) for value in (np.tanh(1.0), np.nextafter(np.float32(np.tanh(1.0)), 9))
    )
    exact = dataclasses.replace(case, expected=(Expected("y", nearest.astype(np.float64), "exact"),))

    assert outcome(case, y=nearest).state is State.PASS
    assert outcome(case, y=next_to_it).state is State.PASS
    assert outcome(exact, y=nearest).state is State.PASS
    assert outcome(exact, y=next_to_it).state is State.FAIL


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({}, State.ERROR),
        ({"z": np.uint8([1, 3, 1])}, State.ERROR),
        ({"y": None}, State.ERROR),
        ({"error": RuntimeError("boom\nand more")}, State.ERROR),
        ({"error": UnsupportedError("not here; expected elsewhere")}, State.UNSUPPORTED),
        ({"error": ShapeError("bad")}, State.ERROR),
    ],
)
def test_a_runtime_that_gives_no_answer_does_not_pass(answer, state):
    """Missing, misnamed, not an array, or an exception: one line each."""
    result = outcome(CODES, **answer)

    assert result.state is state
    assert result.judgement.detail
    assert "\n" not in result.judgement.detail


def test_two_runs_must_have_equal_bits():
    """RUN2-S1: a race shows in the second run even where both answers are right."""
    answers = itertools.cycle([np.float32([1, 3, 0]), np.float32([1, 3, -0.0])])

    class Racing(Answering):
        def load(self, program):
            executable = super().load(program)
            executable.run = lambda inputs: {"y": next(answers)}
            return executable

    (result,) = check_operators(Racing(), [RELU])

    assert (result.state, result.judgement.unit) == (State.FAIL, Unit.METAMORPHIC)
    assert result.judgement.detail == "two runs on the same inputs gave different bits"
    assert result.evidence is not None


def test_an_operator_that_is_declared_and_then_declined_says_so():
    """UNSUPPORTED all the same, but nobody can take it for an operator that was never promised."""
    result = outcome(CODES, error=UnsupportedError("no uint8 here; expected int8"))

    assert result.state is State.UNSUPPORTED
    assert result.judgement.detail == "answering declares quantize and declines this case: no uint8 here; expected int8"


def test_an_operator_without_declared_support_is_unsupported():
    """The runtime is not asked."""
    case = dataclasses.replace(RELU, operator="exp")

    assert outcome(case, error=AssertionError()).state is State.UNSUPPORTED


def test_the_reference_passes_every_golden():
    """And all of them are judged."""
    cases = load_goldens()

    results = check_operators(find_runtime("reference"), cases)

    assert [(result.id, result.judgement.detail) for result in results if result.state is not State.PASS] == []
    assert [result.id for result in results] == [case.id for case in cases]
