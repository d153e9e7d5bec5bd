"""Judging a runtime: on a whole model segment by segment, and on the operators one by one."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from distilspec.conformance import bounds
from distilspec.conformance.adjoints.local_errors import local_errors
from distilspec.conformance.answer_form import by_form, checked_outputs
from distilspec.conformance.decisions import DECISION, OUTPUT, judge_decisions, judge_outputs
from distilspec.conformance.diagnose import diagnose
from distilspec.conformance.goldens import Expected, GoldenCase
from distilspec.conformance.judge import judge
from distilspec.conformance.one_step import one_step_program
from distilspec.conformance.result import FAILING, CaseResult, Judgement, State, Unit
from distilspec.conformance.runtimes.adapter import (
    Executable,
    Granularity,
    Runtime,
    RuntimeCrashError,
    RuntimeHangError,
)
from distilspec.conformance.segments import JudgedSegment, judge_segments
from distilspec.conformance.staged import Staged, copied, equal_bits, stage
from distilspec.conformance.subject import Subject
from distilspec.reference import ops
from distilspec.reference.clauses import clauses
from distilspec.reference.contract.errors import ContractError, UnsupportedError
from distilspec.reference.contract.types import Array, Float64Array
from distilspec.reference.program import Program

#: Errors that are states of their own.
ENDS: Mapping[type[Exception], State] = {RuntimeCrashError: State.CRASH, RuntimeHangError: State.TIMEOUT}

#: More undecided decisions than this share mean that the bound says nothing about the model.
MOST_UNDECIDED = 0.2

#: The clause of two equal runs, which stands with the other relations in ``metamorphic/run_again.py``.
RUN_TWICE = "RUN2-S1"

#: What is said of a runtime that breaks it.
OTHER_BITS = "two runs on the same inputs gave different bits"

#: Called before each case with a description, for progress bars.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Evidence:
    """What replays a case: a program and the inputs on which it was judged."""

    program: Program
    inputs: Mapping[str, Array]
    target: str


@cache
def formula_clause(operator: str) -> str:
    """Return the id of the operator's first semantic clause: its formula."""
    return next(clause.id for clause in clauses(ops.OPERATORS[operator]) if clause.kind == "S")


def check_model(runtime: Runtime, subject: Subject, progress: Progress = lambda _: None) -> list[CaseResult]:
    """
    Judge a runtime on a whole model: determinism, every segment on its own inputs, and the final decisions.

    Each batch gives one case ``staged`` that says whether showing the intermediates altered the program, one case a
    segment, one a decision. In an altered program no segment counts; there, and where nothing is shown, outputs and
    decisions are judged by the local bounds of its steps and by what codes that nobody has seen may do.
    """
    return list(model_cases(runtime, subject, progress))


def model_cases(runtime: Runtime, subject: Subject, progress: Progress = lambda _: None) -> Iterator[CaseResult]:
    """
    Yield the cases of ``check_model`` as they are judged, for callers that stop at the first failure.

    A whole model is large: of the failures of each clause that is judged end to end, the first carries it as evidence.
    """
    recipe = subject.program.recipe
    prefix = f"{subject.name}/{recipe}"
    progress(f"load {prefix}")
    try:
        executable = load_subject(runtime, subject)
    except UnsupportedError as error:
        yield _case(f"{prefix}/load", "", recipe, "", _verdict(Unit.EXACT, State.UNSUPPORTED, str(error)))
        return
    except Exception as error:  # noqa: BLE001 - a runtime's failure of any kind is a result, not an end
        yield _case(f"{prefix}/load", "", recipe, "", crashed(error))
        return
    decisions: list[CaseResult] = []
    carried: set[str] = set()
    for batch, inputs in subject.batches.items():
        for case in _check_batch(executable, subject.program, inputs, f"{prefix}/{batch}", progress):
            if case.state is State.FAIL and case.clause in (DECISION, OUTPUT) and case.clause not in carried:
                carried.add(case.clause)
                yield dataclasses.replace(case, evidence=Evidence(subject.program, inputs, case.step))
            else:
                yield case
            if case.judgement.unit is Unit.DECISION:
                decisions.append(case)
    undecided = sum(case.state is State.UNDECIDED for case in decisions)
    if undecided > MOST_UNDECIDED * len(decisions):
        detail = f"{undecided} of {len(decisions)} decisions are undecided; expected at most {MOST_UNDECIDED:.0%}"
        yield _case(f"{prefix}/decisions", "", recipe, "", _verdict(Unit.DECISION, State.MISTRUSTED, detail))


def load_subject(runtime: Runtime, subject: Subject) -> Executable:
    """
    Hand a runtime the user's file, the program or the whole model: the first of these that there is and that it takes.

    Raises
    ------
    UnsupportedError
        The runtime declares that it lacks a step, the recipe, or every form in which the subject could be handed over.
    """
    program = subject.program
    if subject.onnx is not None:
        return runtime.load_onnx(subject.onnx, program)
    if program.recipe not in runtime.recipes:
        raise UnsupportedError(f"{runtime.name} declares no mode that carries out {program.recipe}")
    if Granularity.PROGRAMS in runtime.granularity:
        missing = runtime.missing(program)
        if missing:
            raise UnsupportedError(f"{runtime.name} declares no support for {', '.join(missing)}")
        return runtime.load(program)
    if Granularity.MODELS in runtime.granularity and subject.model is not None:
        return runtime.load_model(subject.model, program)
    raise UnsupportedError(f"{runtime.name} takes {', '.join(runtime.granularity)}; {subject.name} is none of these")


def _check_batch(
    executable: Executable, program: Program, inputs: Mapping[str, Array], prefix: str, progress: Progress
) -> Iterator[CaseResult]:
    """Yield the cases of one batch; what the runtime raises is a case, an error while it is judged is this suite's."""
    recipe = program.recipe
    progress(f"run {prefix}")
    try:
        plain, again = (checked_outputs(program, inputs, executable.run(copied(inputs))) for _ in range(2))
    except Exception as error:  # noqa: BLE001
        yield _case(f"{prefix}/run", "", recipe, "", crashed(error))
        return
    same = equal_bits(plain, again)
    detail = "" if same else OTHER_BITS
    twice = _verdict(Unit.METAMORPHIC, State.PASS if same else State.FAIL, detail)
    yield _case(f"{prefix}/run twice", RUN_TWICE, recipe, "", twice)
    try:
        staged = stage(executable, program, inputs, plain)
    except Exception as error:  # noqa: BLE001
        yield _case(f"{prefix}/run", "", recipe, "", crashed(error))
        return
    yield _case(f"{prefix}/staged", "", recipe, "", _staged(staged))
    errors: dict[str, Float64Array] = {}
    offsets: dict[str, Float64Array] = {}
    trusted = staged.unaltered and staged.between > 0
    if trusted:
        values, misfits = by_form(program, inputs, staged.values)
        for name, wrong in misfits.items():
            yield _misfit_case(program, name, wrong, prefix)
        for judged in judge_segments(program, values):
            progress(f"judge {prefix}/{judged.segment.target}")
            errors[judged.segment.target] = judged.error
            offsets |= judged.offsets
            trusted = trusted and not _says_nothing(judged.error, values[judged.segment.target])
            yield segment_case(program, judged, values[judged.segment.target], prefix)
    if not trusted:  # the steps themselves are bounded, and codes that nobody has seen by what they may do
        errors, offsets = local_errors(program, inputs), {}
    progress(f"decide {prefix}")
    expected = program.run(ops, inputs)
    for label, name, judgement in judge_decisions(program, inputs, expected, plain, errors, offsets):
        yield _case(f"{prefix}/{label}: {name}", DECISION, recipe, program.outputs[label], judgement)
    if not trusted:
        for label, judgement in judge_outputs(program, inputs, expected, plain):
            yield _case(f"{prefix}/{label}: as a whole", OUTPUT, recipe, program.outputs[label], judgement)


def replay_end_to_end(runtime: Runtime, name: str, program: Program, inputs: Mapping[str, Array]) -> Judgement:
    """
    Judge one decision or output again, alone, on the program and the inputs of a case's evidence.

    ``name`` is the last part of the case's id. A runtime for which there is no such case, because it did not run, or
    because it shows its tensors and is judged by them, gets the first failure of the batch instead, or none.

    Raises
    ------
    UnsupportedError
        The runtime does not take the program.
    """
    cases = check_model(runtime, Subject(program.name, program, {"replayed": inputs}))
    if cases[0].state is State.UNSUPPORTED:
        raise UnsupportedError(f"replay: {cases[0].judgement.detail}; expected a runtime that takes the case's program")
    named = [case for case in cases if case.id.endswith(f"/{name}")]
    failing = [case for case in cases if case.state in FAILING]
    return (named or failing or cases)[0].judgement


def _says_nothing(error: Float64Array, got: Array) -> bool:
    """Return whether a segment is so long that its bound is larger than its values."""
    return bool(np.median(error) > np.median(np.abs(got.astype(np.float64))))


def _misfit_case(program: Program, tensor: str, wrong: str, prefix: str) -> CaseResult:
    maker = program.maker(tensor)
    assert maker is not None
    verdict = Judgement(Unit.EXACT, State.FAIL, np.inf, np.inf, wrong)
    clause = formula_clause(maker.op)
    return CaseResult(f"{prefix}/{tensor}", clause, program.recipe, maker.name, verdict, (maker.op,))


def segment_case(program: Program, judged: JudgedSegment, got: Array, prefix: str) -> CaseResult:
    """Return the case of a judged segment; ``got`` is what the runtime made, ``prefix`` what its id starts with."""
    target = judged.segment.target
    maker = program.maker(target)
    return CaseResult(
        id=f"{prefix}/{target}",
        clause=formula_clause(maker.op) if maker else "",
        recipe=program.recipe,
        step=maker.name if maker else target,
        judgement=_explained(judged, got),
        operators=judged.segment.operators,
        evidence=Evidence(judged.segment.program, judged.inputs, target),
    )


def _explained(judged: JudgedSegment, got: Array) -> Judgement:
    if judged.judgement.state is not State.FAIL:
        return judged.judgement
    cause = diagnose(judged.segment, judged.inputs, got, judged.error)
    return dataclasses.replace(judged.judgement, cause=cause)


def check_operators(
    runtime: Runtime, cases: Sequence[GoldenCase], progress: Progress = lambda _: None
) -> list[CaseResult]:
    """
    Judge a runtime on operator cases with known answers, each as a program of one step.

    Each is run twice: the first answer must be right, and the second have the same bits.
    """
    results = []
    for case in cases:
        progress(case.id)
        results.append(_check_operator(runtime, case))
    return results


def _check_operator(runtime: Runtime, case: GoldenCase) -> CaseResult:
    clause, recipe = ", ".join(case.clauses), case.recipe or "any"

    def ended(judgement: Judgement, evidence: Evidence | None = None) -> CaseResult:
        return CaseResult(case.id, clause, recipe, case.operator, judgement, (case.operator,), evidence)

    if not runtime.supports(case.operator):
        detail = f"{runtime.name} declares no support for {case.operator}"
        return ended(_verdict(Unit.EXACT, State.UNSUPPORTED, detail))
    program, inputs, errors = _posed(case)
    evidence = Evidence(program, inputs, next(iter(program.outputs.values())))
    try:
        executable = runtime.load(program)
        got = copied(executable.run(copied(inputs)))
        answers = (case.expected, *case.allowed)
        judgement = min((_judge_answer(got, answer, errors) for answer in answers), key=_severity)
        if judgement.state is not State.FAIL and not equal_bits(got, executable.run(copied(inputs))):
            judgement = Judgement(Unit.METAMORPHIC, State.FAIL, np.inf, np.inf, OTHER_BITS)
        return ended(judgement, evidence)
    except UnsupportedError as error:
        return ended(declined(runtime, case.operator, error))
    except Exception as error:  # noqa: BLE001
        return ended(crashed(error), evidence)


@cache
def _posed(case: GoldenCase) -> tuple[Program, Mapping[str, Array], Mapping[str, Float64Array]]:
    """Return a case as a program with its inputs, and the bound of every output, which are found once in a process."""
    program, inputs = one_step_program(case)
    lifted = {name: bounds.Bounded.exact(array) for name, array in inputs.items()}
    allowed = program.run(bounds, lifted)
    return program, inputs, {label: bounded.error for label, bounded in allowed.items()}


def _judge_answer(
    got: Mapping[str, Array], answer: Sequence[Expected], errors: Mapping[str, Float64Array]
) -> Judgement:
    return max(
        (_judge_output(got[expected.name], expected, errors[expected.name]) for expected in answer), key=_severity
    )


def _judge_output(got: Array, expected: Expected, error: Float64Array) -> Judgement:
    if expected.judgement == "exact":
        error = np.zeros(expected.value.shape)
    if expected.judged is not None:
        error = np.where(expected.judged, error, np.inf)
    judgement = judge(got, expected.value, error)
    if judgement.state is State.MISTRUSTED:  # a golden is small on purpose, and its answer is known
        return dataclasses.replace(judgement, state=State.PASS, detail="")
    return judgement


def _severity(judgement: Judgement) -> tuple[bool, float]:
    return judgement.state is State.FAIL, judgement.bound_used


def _staged(staged: Staged) -> Judgement:
    if not staged.unaltered:
        detail = "altered: exposing tensors changed the final output, so segments are not judged"
        return _verdict(Unit.METAMORPHIC, State.MISTRUSTED, detail)
    if not staged.between:
        return _verdict(Unit.METAMORPHIC, State.PASS, "nothing but outputs is shown, so no segment is judged")
    detail = f"{staged.shown} tensors exposed; the final output is bit for bit that of the unexposed run"
    return _verdict(Unit.METAMORPHIC, State.PASS, detail)


def _verdict(unit: Unit, state: State, detail: str) -> Judgement:
    return Judgement(unit, state, 0.0, 0.0, detail)


def declined(runtime: Runtime, operator: str, error: UnsupportedError) -> Judgement:
    """Return the verdict on a runtime that declares an operator, and then does not carry out one application of it."""
    detail = f"{runtime.name} declares {operator} and declines this case: {error}"
    return _verdict(Unit.EXACT, State.UNSUPPORTED, detail)


def crashed(error: Exception) -> Judgement:
    """Return the verdict on a runtime that raised: one line that says what and where."""
    where = "" if isinstance(error, ContractError) else f" ({_origin(error)})"
    line = str(error).strip().splitlines()[0] if str(error).strip() else ""
    state = ENDS.get(type(error), State.ERROR)
    name = "" if state is not State.ERROR else f"{type(error).__name__}: "
    return Judgement(Unit.EXACT, state, np.inf, np.inf, f"{name}{line}{where}")


def crashed_case(
    program: Program, tensor: str, inputs: Mapping[str, Array], error: Exception, prefix: str
) -> CaseResult:
    """Return the case of a runtime that raised when it was asked for ``tensor``, with the steps that lead to it."""
    maker = program.maker(tensor)
    assert maker is not None
    evidence = Evidence(program.extract([tensor]), inputs, tensor)
    case_id = f"{prefix}/{tensor}"
    return CaseResult(
        case_id, formula_clause(maker.op), program.recipe, maker.name, crashed(error), (maker.op,), evidence
    )


def _origin(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"


def _case(case_id: str, clause: str, recipe: str, step: str, judgement: Judgement) -> CaseResult:
    return CaseResult(case_id, clause, recipe, step, judgement)
