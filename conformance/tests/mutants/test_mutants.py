"""The suite can fail: for every clause there is a wrong runtime, and the goldens find each of them."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict

import pytest

from distilspec.conformance.check import check_operators
from distilspec.conformance.goldens import load_goldens
from distilspec.conformance.mutants import MutantRuntime, all_mutants
from distilspec.conformance.result import State
from distilspec.conformance.runtimes.reference import ReferenceRuntime
from distilspec.reference.clauses import all_clauses
from distilspec.reference.ops import OPERATORS

MUTANTS = all_mutants()


@functools.cache
def goldens():
    """Return the golden cases by operator."""
    cases = defaultdict(list)
    for case in load_goldens():
        cases[case.operator].append(case)
    return cases


def title(mutant):
    """Return a name that is unique among all mutants."""
    return f"{mutant.replaces}: {mutant.name}"


def test_every_semantic_clause_is_broken_by_a_mutant():
    """No clause is left out: each can be seen from outside."""
    semantic = {clause.id for clauses in all_clauses().values() for clause in clauses if clause.kind == "S"}

    assert {clause for mutant in MUTANTS for clause in mutant.clauses} == semantic


def test_every_operator_has_mutants_of_its_own_clauses():
    """A mutant breaks nothing but clauses of the operator that it replaces."""
    own = {operator: {clause.id for clause in clauses} for operator, clauses in all_clauses().items()}

    assert {mutant.replaces for mutant in MUTANTS} == set(OPERATORS)
    assert [title(mutant) for mutant in MUTANTS if not own[mutant.replaces].issuperset(mutant.clauses)] == []


def test_names_tell_mutants_apart():
    """A report that names a mutant names one."""
    assert [name for name, count in Counter(map(title, MUTANTS)).items() if count > 1] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=title)
def test_a_mutant_is_found_by_a_case_of_every_clause_that_it_breaks(mutant):
    """It gives wrong answers, not errors, so that what finds it is the arithmetic."""
    results = check_operators(MutantRuntime(mutant), goldens()[mutant.replaces])

    found = {clause for result in results if result.state is State.FAIL for clause in result.clause.split(", ")}
    assert found.issuperset(mutant.clauses)
    assert [(result.id, result.judgement.detail) for result in results if result.state is State.ERROR] == []


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_the_unmutated_reference_is_not_found(operator):
    """A case that failed the reference would find everything."""
    results = check_operators(ReferenceRuntime({}), goldens()[operator])

    assert [(result.id, result.judgement.detail) for result in results if result.state is not State.PASS] == []
