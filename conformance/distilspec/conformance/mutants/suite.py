"""The suite as mutants meet it: the units of work of ``check``, with models that are tiny."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial

from distilspec.conformance.check import model_cases
from distilspec.conformance.mandatory import mandatory_relations, mandatory_steps
from distilspec.conformance.metamorphic import check_metamorphic
from distilspec.conformance.mutants.subjects import tiny_subjects
from distilspec.conformance.result import FAILING, CaseResult
from distilspec.conformance.result import Unit as Rule
from distilspec.conformance.runtimes.adapter import Runtime
from distilspec.conformance.subject import Subject
from distilspec.conformance.unit import Outcome, Progress, Unit
from distilspec.conformance.units import operator_units

#: The kinds of cases that can find a mutant.
KINDS = ("golden", "corpus", "segment", "decision", "metamorphic")

#: The ends of the units' ids, from those that find the bug of a whole runtime soonest.
SOONEST = ("goldens", "steps", "boundary", "relations")

#: Batches of which relations are asked; the others have the shape of ``mixed``, and say something only beside it.
RELATED = ("mixed", "one", "token", "long")


@lru_cache(maxsize=1)
def suite(seed: int) -> tuple[Unit, ...]:
    """Return the units of a seed; frozen and boundary cases are the same for every seed, models are not."""
    return (*operator_units(), *_model_units(seed))


def arranged(units: Sequence[Unit], operator: str) -> list[Unit]:
    """
    Return all units, those first that should find a bug.

    They are the units of the operator that is wrong; without one, those of the first model, which find most bugs.
    """
    if operator:
        return sorted(units, key=lambda unit: not unit.id.startswith(f"{operator}/"))
    first = next((unit.id.removesuffix("steps") for unit in units if unit.id.endswith("/steps")), "")
    return sorted(units, key=lambda unit: (not unit.id.startswith(first), SOONEST.index(unit.id.rsplit("/", 1)[-1])))


def kind_of(unit: Unit, case: CaseResult) -> str:
    """Return by which kind of case something was found."""
    if unit.id.endswith("/goldens"):
        return "golden"
    if unit.id.endswith("/boundary"):
        return "corpus"
    if case.clause.startswith("DEC-") or case.judgement.unit is Rule.DECISION:
        return "decision"
    return "metamorphic" if case.judgement.unit is Rule.METAMORPHIC else "segment"


def _model_units(seed: int) -> Iterator[Unit]:
    subjects = tuple(tiny_subjects(seed))
    for name, judge in (("steps", _steps), ("relations", _relations)):
        for subject in subjects:
            yield Unit(f"{subject.name}/{subject.program.recipe}/{name}", partial(judge, subject))


def _steps(subject: Subject, runtime: Runtime, progress: Progress) -> Outcome:
    cases = _until_failing(model_cases(runtime, subject, progress))
    return Outcome(cases, mandatory_steps(subject.program, cases), subject.program.recipe)


def _relations(subject: Subject, runtime: Runtime, progress: Progress) -> Outcome:
    related = {batch: inputs for batch, inputs in subject.batches.items() if batch in RELATED}
    asked = dataclasses.replace(subject, batches=related)
    cases = _until_failing(check_metamorphic(runtime, asked, progress))
    return Outcome(cases, mandatory_relations(cases), subject.program.recipe)


def _until_failing(cases: Iterable[CaseResult]) -> tuple[CaseResult, ...]:
    """Return the cases up to the first one that fails, because whoever was found is found."""
    judged = []
    for case in cases:
        judged.append(case)
        if case.state in FAILING:
            break
    return tuple(judged)
