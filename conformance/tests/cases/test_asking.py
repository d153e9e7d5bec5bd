"""``ask``: one question, answered on the spot by the reference and its bounds."""

from __future__ import annotations

import numpy as np
import pytest
from planted_runtimes import Counting, crashing_relu, hanging_relu, mutant, planted

from distilspec.conformance.cases.asking import ask, judge_outputs, pose
from distilspec.conformance.cases.call import call
from distilspec.conformance.result import State, Unit
from distilspec.conformance.runtimes import find_runtime
from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError, ShapeError, UnsupportedError

RELU = call("relu", x=np.float32([-1, 0, 3]))
DYNAMIC = call("dynamic_quantize", x=np.float32([-1, 0, 3]))


def test_the_reference_answers_rightly():
    """Also where an operator has several results."""
    for made in (RELU, DYNAMIC):
        assert ask(find_runtime("reference"), pose(made)).judgement.state is State.PASS


def test_a_wrong_answer_is_judged_and_its_causes_are_named():
    """What replays it is the program, the inputs and the tensor that is wrong."""
    answer = ask(mutant("relu", "negative elements leak with slope 0.01"), pose(RELU))

    assert answer.judgement.state is State.FAIL
    assert answer.judgement.detail == "element [0] is -0.00999999978; expected 0 +- 0; 1 of 3 outside"
    assert answer.causes == ("negative elements leak with slope 0.01 [RELU-S1]",)
    assert answer.judgement.cause == answer.causes[0]
    assert answer.evidence.program.outputs["y"] == answer.evidence.target
    assert answer.evidence.inputs["x"].tolist() == [-1, 0, 3]


def test_of_several_outputs_the_worst_is_named():
    """A wrong zero point is a wrong zero point, whatever the codes."""

    def shifted(x):
        made = ops.dynamic_quantize(x)
        return made._replace(zero_point=made.zero_point + np.uint8(1))

    answer = ask(planted("dynamic_quantize", shifted), pose(DYNAMIC))

    assert answer.judgement.detail == "zero_point: element [] is 65; expected 64; 1 of 1 differ"
    assert answer.evidence.target == "dynamic_quantize.result.zero_point"


@pytest.mark.parametrize(
    ("function", "state", "detail"),
    [
        (crashing_relu, State.CRASH, "the process ended with signal 11"),
        (hanging_relu, State.TIMEOUT, "no answer in 10 s"),
        (lambda x: x[:1], State.FAIL, "has shape (1,); expected (3,)"),
        (lambda x: x.astype(np.int64), State.FAIL, "has dtype int64; expected floating point"),
        (lambda x: 1 / 0, State.ERROR, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_failure_of_any_kind_is_a_verdict(function, state, detail):
    """Crash, hang, wrong form, exception."""
    judgement = ask(planted("relu", function), pose(RELU)).judgement

    assert judgement.state is state
    assert judgement.detail.startswith(detail)


def test_two_runs_must_have_equal_bits():
    """A race shows in the second run even where both answers lie within the bound."""
    ulps = iter([0, 1])
    answer = ask(planted("tanh", lambda x: np.float32(np.tanh(x)) * np.float32(1 + next(ulps) * 2.0**-23)),
                 pose(call("tanh", x=np.float32([0.5]))))  # fmt: skip

    assert (answer.judgement.state, answer.judgement.unit) == (State.FAIL, Unit.METAMORPHIC)
    assert answer.judgement.detail == "two runs on the same inputs gave different bits"


def test_a_runtime_cannot_change_what_it_is_asked():
    """Inputs are copies, in both runs."""

    def spoiling(x):
        made = ops.relu(x)
        x[...] = 7
        return made

    function = Counting(spoiling)
    question = pose(RELU)
    assert ask(planted("relu", function), question).judgement.state is State.PASS
    assert [x.tolist() for (x,) in function.calls] == [[-1, 0, 3]] * 2
    assert question.inputs["x"].tolist() == [-1, 0, 3]


def test_a_missing_output_is_one_line():
    """What came and what was expected."""
    with pytest.raises(ShapeError, match=r"answered with outputs codes; expected codes, scale, zero_point"):
        judge_outputs(pose(DYNAMIC), {"codes": ops.dynamic_quantize(np.float32([-1, 0, 3])).codes})


def test_what_is_not_supported_is_unsupported():
    """Declared or found out while loading."""
    runtime = planted("relu", ops.relu)
    runtime.supports = lambda op: False
    assert ask(runtime, pose(RELU)).judgement.state is State.UNSUPPORTED
    runtime = planted("relu", ops.relu)

    def refuse(program):
        raise UnsupportedError("no relu today; expected another day")

    runtime.load = refuse
    detail = ask(runtime, pose(RELU)).judgement.detail
    assert detail == "mutant: planted declares relu and declines this case: no relu today; expected another day"


def test_a_call_that_breaks_a_precondition_is_not_posed():
    """It would blame the runtime for the suite's mistake."""
    with pytest.raises(RangeError, match="Q-C3"):
        pose(call("quantize", x=np.float32([1]), scale=np.float32(-1), zero_point=np.uint8(0)))
