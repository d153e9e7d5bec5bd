"""What the suite says about one candidate, and when it stops."""

from __future__ import annotations

from itertools import count

import pytest
from planted_candidates import candidate, case, unit
from stepwise import StepwiseRuntime

from distilspec.conformance.mutants.candidates import own_candidates
from distilspec.conformance.mutants.examine import examine
from distilspec.conformance.mutants.suite import suite
from distilspec.conformance.result import FAILING, State
from distilspec.conformance.result import Unit as Rule
from distilspec.conformance.runtimes.adapter import RuntimeCrashError, RuntimeHangError
from distilspec.conformance.runtimes.worker.words import ProtocolError
from distilspec.conformance.unit import Unit


@pytest.mark.parametrize("state", FAILING)
def test_a_case_in_any_failing_state_finds_a_candidate(state):
    """The verdict has the case, its clause and what it said."""
    verdict = examine(candidate(), [unit("add/goldens", case("right"), case("wrong", state))])

    assert (verdict.found_by, verdict.case, verdict.clause) == ("golden", "wrong", "ADD-S1")
    assert verdict.detail == f"{state}: a detail"


@pytest.mark.parametrize("state", [state for state in State if state not in FAILING])
def test_a_case_in_any_other_state_finds_nothing(state):
    """Undecided, mistrusted and unsupported cases accuse nobody."""
    assert examine(candidate(), [unit("add/goldens", case("one", state))]).found_by == ""


def test_the_first_failing_case_ends_the_examination():
    """Later units are not judged, because a mutant that was found is found."""
    seen = []
    units = [
        unit("add/goldens", case("one"), seen=seen),
        unit("add/boundary", case("two", State.FAIL), seen=seen),
        unit("tiny/steps", case("three", State.FAIL), seen=seen),
    ]

    assert examine(candidate(operator="add"), units).case == "two"
    assert seen == ["add/goldens", "add/boundary"]


def test_the_operator_that_is_wrong_is_judged_first_and_the_others_after_it():
    """Whoever survives has met every unit."""
    seen = []
    units = [unit(name, case(name), seen=seen) for name in ("add/goldens", "erf/goldens", "erf/boundary", "t/steps")]

    examine(candidate(operator="erf"), units)

    assert seen == ["erf/goldens", "erf/boundary", "add/goldens", "t/steps"]


def test_a_whole_runtime_meets_the_first_model_first_and_what_takes_long_last():
    """One model finds most bugs of wiring; whoever survives has met every unit."""
    seen = []
    names = ("add/goldens", "add/boundary", "a/steps", "a/relations", "b/steps", "b/relations")

    examine(candidate(), [unit(name, case(name), seen=seen) for name in names])

    assert seen == ["a/steps", "a/relations", "add/goldens", "b/steps", "add/boundary", "b/relations"]


def test_a_model_is_judged_no_further_than_its_first_failing_case():
    """Every batch would fail; one that fails is enough, in its segments and in its relations."""
    steps, relations = (each for each in suite(3) if each.id.startswith("tiny-bert/fp32/"))

    for judge, runtime in ((steps.judge, StepwiseRuntime("embeddings.LayerNorm")), (relations.judge, Restless())):
        cases = judge(runtime, lambda _: None).cases
        assert [case for case in cases if case.state in FAILING] == [cases[-1]]


class Restless(StepwiseRuntime):
    """Never gives the same answer twice."""

    def load(self, program):
        """Return an executable whose answers grow by one a call."""
        executable, calls = super().load(program), count()
        run = executable.run
        executable.run = lambda inputs: {name: array + next(calls) for name, array in run(inputs).items()}
        return executable


@pytest.mark.parametrize(
    ("name", "rule", "clause", "kind"),
    [
        ("add/goldens", Rule.BOUND, "ADD-S1", "golden"),
        ("add/boundary", Rule.BOUND, "ADD-S1", "corpus"),
        ("tiny/steps", Rule.BOUND, "ADD-S1", "segment"),
        ("tiny/steps", Rule.DECISION, "DEC-S1", "decision"),
        ("tiny/steps", Rule.BOUND, "DEC-S2", "decision"),
        ("tiny/relations", Rule.METAMORPHIC, "PAD-S1", "metamorphic"),
    ],
)
def test_the_kind_of_case_is_known(name, rule, clause, kind):
    """The score says by what each clause was found."""
    assert examine(candidate(), [unit(name, case("wrong", State.FAIL, rule, clause))]).found_by == kind


def test_too_few_judged_clauses_reject_as_they_do_in_check():
    """A runtime that supports nothing must not look conformant."""
    units = [unit("add/goldens", case("one", clause="ADD-S1"), mandatory=["ADD-S1", "ERF-S1", "EXP-S1"])]

    verdict = examine(candidate(), units)

    assert (verdict.found_by, verdict.detail) == ("coverage", "1 of 3 clauses could be judged")


def test_nothing_judged_is_said():
    """Such a mutant survives, but not because it looked right."""
    assert not examine(candidate(), [unit("add/goldens", case("one", State.UNSUPPORTED))]).judged
    assert examine(candidate(), [unit("add/goldens", case("one"))]).judged


def failing(error):
    """Return a function that raises."""

    def make():
        raise error

    return make


@pytest.mark.parametrize("error", [RuntimeCrashError("gone"), RuntimeHangError("silent"), ProtocolError("garbage")])
def test_a_runtime_that_breaks_while_it_starts_is_found(error):
    """Whoever wrote it learns why in its own words."""
    verdict = examine(candidate(make=failing(error)), [])

    assert (verdict.found_by, verdict.detail, verdict.unusable) == ("process", str(error), "")


def test_a_runtime_that_cannot_be_made_is_unusable():
    """A typing mistake is no bug of a runtime."""
    verdict = examine(candidate(make=failing(NameError("name 'nump'\nis not defined"))), [])

    assert (verdict.found_by, verdict.unusable) == ("", "NameError: name 'nump' is not defined")


def test_the_runtime_is_closed_whatever_happens():
    """A worker process must not outlive its examination."""
    closed = []

    class Closing(StepwiseRuntime):
        """Says when it is closed."""

        def close(self):
            closed.append(self)

    examine(candidate(make=Closing), [unit("add/goldens", case("one", State.FAIL))])
    with pytest.raises(ZeroDivisionError):
        examine(candidate(make=Closing), [_raising()])

    assert len(closed) == 2


def _raising():
    def judge(_runtime, _progress):
        raise ZeroDivisionError

    return Unit("broken/goldens", judge)


def test_the_suite_is_the_same_for_equal_seeds_and_made_once():
    """Cases and expected values are not made again for every mutant."""
    assert suite(3) is suite(3)
    assert [unit.id for unit in suite(3)] == [unit.id for unit in suite(4)]


def test_the_names_of_the_candidates_tell_them_apart():
    """Processes find them by name."""
    names = [candidate.name for candidate in own_candidates()]

    assert len(names) == len(set(names)) > 500
