"""Asking a runtime about one call of an operator; the reference and its bounds give the expected answer on the spot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded
from distilspec.conformance.cases.call import Call
from distilspec.conformance.check import OTHER_BITS, Evidence, crashed, declined
from distilspec.conformance.diagnose import explanations
from distilspec.conformance.judge import judge
from distilspec.conformance.result import Judgement, State, Unit
from distilspec.conformance.runtimes.adapter import Runtime
from distilspec.conformance.segments import Segment
from distilspec.conformance.staged import copied, equal_bits
from distilspec.reference.contract.errors import ShapeError, UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program


@dataclass(frozen=True, eq=False)
class Question:
    """A program of one step, the inputs for it, and what each of its outputs may be."""

    program: Program
    inputs: Mapping[str, Array]
    allowed: Mapping[str, Bounded]


@dataclass(frozen=True, eq=False)
class Answer:
    """The verdict on the output that is worst, what replays it, and every known bug that explains it."""

    judgement: Judgement
    evidence: Evidence | None = None
    causes: tuple[str, ...] = ()


@np.errstate(all="ignore")
def pose(call: Call) -> Question:
    """
    Return a call as a question, with the reference's values and their bounds.

    Raises
    ------
    ContractError
        The call breaks a precondition of its operator.
    """
    program, inputs = call.program()
    lifted = {name: Bounded.exact(array) for name, array in inputs.items()}
    return Question(program, inputs, program.run(bounds, lifted))


@np.errstate(all="ignore")
def ask(runtime: Runtime, question: Question) -> Answer:
    """Run a question twice: the first answer must be right, and the second have the same bits."""
    program = question.program
    (step,) = program.steps
    if not runtime.supports(step.op):
        return Answer(undeclared(runtime, step.op))
    try:
        executable = runtime.load(program)
        first = copied(executable.run(copied(question.inputs)))
        answer = judge_outputs(question, first)
        if answer.judgement.state is State.FAIL or equal_bits(first, executable.run(copied(question.inputs))):
            return answer
        return Answer(Judgement(Unit.METAMORPHIC, State.FAIL, np.inf, np.inf, OTHER_BITS), answer.evidence)
    except UnsupportedError as error:
        return Answer(declined(runtime, step.op, error))
    except Exception as error:  # noqa: BLE001 - a runtime's failure of any kind is a result, not an end
        return Answer(crashed(error), Evidence(program, question.inputs, step.name))


def undeclared(runtime: Runtime, operator: str) -> Judgement:
    """Return the verdict on a runtime that declares that it lacks an operator."""
    return _unsupported(f"{runtime.name} declares no support for {operator}")


def judge_outputs(question: Question, got: Mapping[str, Array]) -> Answer:
    """
    Judge what was answered, and name the cause of a failure where it is a known bug.

    Raises
    ------
    ShapeError
        An output is missing.
    """
    answers = [_judge_output(question, label, got) for label in question.allowed]
    return max(answers, key=lambda answer: (answer.judgement.state is State.FAIL, answer.judgement.bound_used))


def _judge_output(question: Question, label: str, got: Mapping[str, Array]) -> Answer:
    if label not in got:
        raise ShapeError(f"answered with outputs {', '.join(got) or 'none'}; expected {', '.join(question.allowed)}")
    target, allowed = question.program.outputs[label], question.allowed[label]
    judgement = judge(got[label], np.asarray(allowed.value), allowed.error)
    evidence = Evidence(question.program, question.inputs, target)
    if judgement.state is not State.FAIL:
        return Answer(judgement, evidence)
    segment = Segment(target, question.program.extract([target]))
    causes = tuple(explanations(segment, question.inputs, got[label], allowed.error))
    detail = f"{label}: {judgement.detail}" if len(question.allowed) > 1 else judgement.detail
    return Answer(replace(judgement, cause="".join(causes[:1]), detail=detail), evidence, causes)


def _unsupported(detail: str) -> Judgement:
    return Judgement(Unit.EXACT, State.UNSUPPORTED, 0.0, 0.0, detail)
