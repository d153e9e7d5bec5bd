"""The suite as mutants meet it: the units of work of ``check``, with models that are tiny."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial

from distilspec.conformance.check import check_model
from distilspec.conformance.mandatory import mandatory_relations, mandatory_steps
from distilspec.conformance.metamorphic import check_metamorphic
from distilspec.conformance.mutants.subjects import tiny_subjects
from distilspec.conformance.result import CaseResult
from distilspec.conformance.result import Unit as Rule
from distilspec.conformance.runtimes.adapter import Runtime
from distilspec.conformance.subject import Subject
from distilspec.conformance.unit import Outcome, Progress, Unit
from distilspec.conformance.units import operator_units

#: The kinds of cases that can find a mutant.
KINDS = ("golden", "corpus", "segment", "decision", "metamorphic")

#: The ends of the units' ids, from those that find the bug of a whole runtime soonest.
SOONEST = ("goldens", "steps", "relations", "boundary")


@lru_cache(maxsize=1)
def suite(seed: int) -> tuple[Unit, ...]:
    """Return the units of a seed; frozen and boundary cases are the same for every seed, models are not."""
    return (*operator_units(), *_model_units(seed))


def arranged(units: Sequence[Unit], operator: str) -> list[Unit]:
    """
    Return all units, those first that should find a bug.

    They are the units of the operator that is wrong; without one, models come before the many boundary cases.
    """
    if operator:
        return sorted(units, key=lambda unit: not unit.id.startswith(f"{operator}/"))
    return sorted(units, key=lambda unit: SOONEST.index(unit.id.rsplit("/", 1)[-1]))


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
    cases = tuple(check_model(runtime, subject, progress))
    return Outcome(cases, mandatory_steps(subject.program, cases), subject.program.recipe)


def _relations(subject: Subject, runtime: Runtime, progress: Progress) -> Outcome:
    cases = tuple(check_metamorphic(runtime, subject, progress))
    return Outcome(cases, mandatory_relations(cases), subject.program.recipe)
