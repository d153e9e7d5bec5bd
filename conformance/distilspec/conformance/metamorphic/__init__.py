"""
Relations that hold between a runtime's own answers, so that nobody has to know the right one.

docs/derivations/metamorphic.md says why each of them holds, and how far apart two answers may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, cast

from distilspec.conformance.check import Evidence
from distilspec.conformance.metamorphic import (
    batch_invariance,
    head_permutation,
    ownership,
    padding_invariance,
    run_again,
    sparse_equals_dense,
    thread_invariance,
    vocabulary_reduction,
)
from distilspec.conformance.metamorphic.bench import Bench, RuntimeFailedError
from distilspec.conformance.result import CaseResult, Judgement, State, Unit
from distilspec.conformance.runtimes.adapter import Runtime
from distilspec.conformance.subject import Subject
from distilspec.reference.clauses import Clause, clauses
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

#: Every relation by its name; its module has clauses, and a function ``answers`` that yields verdicts on them.
RELATIONS: Mapping[str, ModuleType] = {
    "run again": run_again,
    "ownership": ownership,
    "threads": thread_invariance,
    "batch": batch_invariance,
    "padding": padding_invariance,
    "sparse equals dense": sparse_equals_dense,
    "vocabulary": vocabulary_reduction,
    "heads": head_permutation,
}

#: From the best verdict to the worst; one of several decides in this order.
SEVERITY = (State.PASS, State.MISTRUSTED, State.UNDECIDED, State.FAIL)


def relation_clauses() -> dict[str, tuple[Clause, ...]]:
    """Return the clauses of every relation by the relation's name."""
    return {name: clauses(cast(Callable[..., Any], module)) for name, module in RELATIONS.items()}


def check_metamorphic(
    runtime: Runtime, subject: Subject, progress: Callable[[str], None] = lambda _: None
) -> Iterator[CaseResult]:
    """
    Judge every relation on every batch of a subject.

    A relation that does not apply to the program, to the runtime or to any batch is one case, UNSUPPORTED, that says
    why. What the runtime raises is the verdict on that case; what this suite raises is not caught.
    """
    recipe = subject.program.recipe
    prefix = f"{subject.name}/{recipe}"
    with Bench(runtime, subject) as bench:
        try:
            bench.executable  # noqa: B018 - loading fails once, for all relations
        except (UnsupportedError, RuntimeFailedError) as error:
            verdict = error.judgement if isinstance(error, RuntimeFailedError) else _unsupported(str(error))
            yield CaseResult(f"{prefix}/relations", "", recipe, "", verdict)
            return
        for name, found in relation_clauses().items():
            ids = ", ".join(clause.id for clause in found)
            declined: list[str] = []
            for batch, inputs in subject.batches.items():
                progress(f"{name} {prefix}/{batch}")
                try:
                    judgement = judge_relation(bench, name, inputs)
                except UnsupportedError as error:
                    declined.append(str(error))
                else:
                    evidence = _evidence(bench, name, inputs) if judgement.state is State.FAIL else None
                    yield CaseResult(f"{prefix}/{batch}/{name}", ids, recipe, "", judgement, (), evidence)
            if len(declined) == len(subject.batches):
                yield CaseResult(f"{prefix}/{name}", ids, recipe, "", _unsupported(declined[0]))


def judge_relation(bench: Bench, name: str, inputs: Mapping[str, Array]) -> Judgement:
    """
    Judge one relation on one batch: the worst of its verdicts; the first failure ends it.

    Raises
    ------
    UnsupportedError
        The relation does not apply.
    """
    worst: Judgement | None = None
    try:
        for judgement in RELATIONS[name].answers(bench, inputs):
            if worst is None or _rank(judgement) > _rank(worst):
                worst = judgement
            if judgement.state is State.FAIL:
                break
    except RuntimeFailedError as failure:
        return failure.judgement
    assert worst is not None
    return worst


def replay_relation(runtime: Runtime, name: str, program: Program, inputs: Mapping[str, Array]) -> Judgement:
    """
    Judge one relation again, alone, on the program and the inputs of a case's evidence.

    Raises
    ------
    UnsupportedError
        The relation does not apply, or the runtime does not take the program.
    """
    with Bench(runtime, Subject(program.name, program, {"replayed": inputs})) as bench:
        return judge_relation(bench, name, inputs)


def _evidence(bench: Bench, name: str, inputs: Mapping[str, Array]) -> Evidence:
    """Return what replays a failing relation: without the words that do not occur, if it fails without them too."""
    program, given = bench.program, inputs
    try:
        smaller, renumbered = vocabulary_reduction.reduced(program, inputs)
        if replay_relation(bench.runtime, name, smaller, renumbered).state is State.FAIL:
            program, given = smaller, renumbered
    except UnsupportedError:
        pass
    return Evidence(program, given, next(iter(program.outputs.values())))


def _unsupported(detail: str) -> Judgement:
    return Judgement(Unit.METAMORPHIC, State.UNSUPPORTED, 0.0, 0.0, detail)


def _rank(judgement: Judgement) -> tuple[int, float]:
    return SEVERITY.index(judgement.state), judgement.bound_used
