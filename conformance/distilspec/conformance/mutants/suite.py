"""The suite as mutants meet it: the judging functions of ``check``, all of them, on models that are tiny."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from itertools import groupby
from operator import attrgetter

from distilspec.conformance.cases.corpus import check_corpus
from distilspec.conformance.cases.operators import OPERATORS as CORPUS
from distilspec.conformance.check import check_model, check_operators
from distilspec.conformance.goldens import GoldenCase, load_goldens
from distilspec.conformance.metamorphic import check_metamorphic, relation_clauses
from distilspec.conformance.mutants.subjects import tiny_subjects
from distilspec.conformance.result import CaseResult, State
from distilspec.conformance.result import Unit as Rule
from distilspec.conformance.runtimes.adapter import Runtime
from distilspec.conformance.subject import Subject
from distilspec.conformance.unit import Outcome, Progress, Unit
from distilspec.reference.clauses import all_clauses

#: The kinds of cases that can find a mutant, in the order in which they are tried.
KINDS = ("golden", "corpus", "segment", "decision", "metamorphic")


@lru_cache(maxsize=1)
def suite(seed: int) -> tuple[Unit, ...]:
    """Return the units of a seed; frozen and boundary cases are the same for every seed, models are not."""
    return (*_operator_units(), *_model_units(seed))


def kind_of(unit: Unit, case: CaseResult) -> str:
    """Return by which kind of case something was found."""
    if unit.id.endswith("/goldens"):
        return "golden"
    if unit.id.endswith("/boundary"):
        return "corpus"
    return {Rule.METAMORPHIC: "metamorphic", Rule.DECISION: "decision"}.get(case.judgement.unit, "segment")


def clause_texts() -> dict[str, str]:
    """Return the sentence of every clause by its id."""
    found = [*(clause for clauses in all_clauses().values() for clause in clauses), *relation_clauses().values()]
    return {clause.id: clause.text for clause in found}


def _operator_units() -> Iterator[Unit]:
    by_operator = attrgetter("operator")
    for operator, cases in groupby(sorted(load_goldens(), key=by_operator), key=by_operator):
        yield Unit(f"{operator}/goldens", partial(_goldens, tuple(cases)))
    for operator in CORPUS:
        yield Unit(f"{operator}/boundary", partial(_boundary, operator))


def _goldens(cases: Sequence[GoldenCase], runtime: Runtime, progress: Progress) -> Outcome:
    return _outcome(check_operators(runtime, cases, progress))


def _boundary(operator: str, runtime: Runtime, progress: Progress) -> Outcome:
    return _outcome(tuple(check_corpus(runtime, operator, progress)))


def _outcome(cases: Sequence[CaseResult]) -> Outcome:
    supported = [case for case in cases if case.state is not State.UNSUPPORTED]
    return Outcome(tuple(cases), frozenset(clause for case in supported for clause in case.clause.split(", ")))


def _model_units(seed: int) -> Iterator[Unit]:
    subjects = tuple(tiny_subjects(seed))
    for name, judge in (("steps", _steps), ("relations", _relations)):
        for subject in subjects:
            yield Unit(f"{subject.name}/{subject.program.recipe}/{name}", partial(judge, subject))


def _steps(subject: Subject, runtime: Runtime, progress: Progress) -> Outcome:
    return _outcome(check_model(runtime, subject, progress))


def _relations(subject: Subject, runtime: Runtime, progress: Progress) -> Outcome:
    return _outcome(tuple(check_metamorphic(runtime, subject, progress)))
