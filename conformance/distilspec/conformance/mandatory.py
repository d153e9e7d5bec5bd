"""Which clauses a run on a whole model has to judge: those of every step only where a runtime shows its steps."""

from __future__ import annotations

from collections.abc import Iterable

from distilspec.conformance.check import formula_clause
from distilspec.conformance.decisions import DECISION, OUTPUT
from distilspec.conformance.result import CaseResult, State
from distilspec.reference.program import Program


def mandatory_steps(program: Program, cases: Iterable[CaseResult]) -> frozenset[str]:
    """
    Return the clauses that ``check_model``, which gave these cases, has to judge.

    A runtime that shows tensors has to be judged by the formula of every step, segment by segment. One that shows
    nothing but outputs, or that showing alters, can be judged end to end alone: by its outputs and its decisions.
    A runtime that did not run has every step still before it.
    """
    found = list(cases)
    end_to_end = {case.clause for case in found if case.clause in (DECISION, OUTPUT)}
    if end_to_end and not any(case.operators for case in found):
        return frozenset(end_to_end)
    return frozenset({formula_clause(step.op) for step in program.steps} | end_to_end)


def mandatory_relations(cases: Iterable[CaseResult]) -> frozenset[str]:
    """Return the clauses that ``check_metamorphic``, which gave these cases, has to judge: those that apply."""
    applying = (case.clause for case in cases if case.clause and case.state is not State.UNSUPPORTED)
    return frozenset(clause for found in applying for clause in found.split(", "))
