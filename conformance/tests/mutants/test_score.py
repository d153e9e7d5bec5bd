"""The score: what counts as killed, survived, accused and unusable, and a sample of the real one."""

from __future__ import annotations

import warnings

import pytest
from planted_candidates import candidate, case, unit

from distilspec.conformance.mutants.candidates import own_candidates, sample
from distilspec.conformance.mutants.examine import Verdict, examine
from distilspec.conformance.mutants.score import Score
from distilspec.conformance.mutants.suite import suite
from distilspec.conformance.result import State
from distilspec.reference.clauses import all_clauses

FOUND, PASSED, UNUSABLE = Verdict("golden", "case"), Verdict(), Verdict(judged=False, unusable="no such file")


def score(*verdicts, correct=0):
    """Return the score of so many mutants with these verdicts, the last ``correct`` of which are variants."""
    wrong = len(verdicts) - correct
    named = [candidate(f"{index}", correct=index >= wrong) for index in range(len(verdicts))]
    return Score(tuple(zip(named, verdicts, strict=True)))


def test_everything_found_and_nothing_accused_is_perfect():
    """The only result with exit status 0."""
    result = score(FOUND, FOUND, PASSED, correct=1)

    assert result.perfect
    assert result.as_json() == {"killed": 2, "total": 2, "survived": [], "false_alarms": []}


def test_a_survivor_is_reported():
    """By its name, and it is not killed."""
    result = score(FOUND, PASSED)

    assert not result.perfect
    assert result.as_json() == {"killed": 1, "total": 2, "survived": ["1"], "false_alarms": []}


def test_a_false_alarm_is_reported():
    """A variant that was found is no kill."""
    result = score(FOUND, PASSED, FOUND, correct=2)

    assert not result.perfect
    assert result.as_json() == {"killed": 1, "total": 1, "survived": [], "false_alarms": ["2"]}


def test_what_could_not_be_started_counts_for_nothing():
    """Neither found nor survived, but named."""
    result = score(FOUND, UNUSABLE, UNUSABLE, correct=1)

    assert result.as_json() == {"killed": 1, "total": 1, "survived": [], "false_alarms": []}
    assert [candidate.name for candidate, _ in result.unusable] == ["1", "2"]


def test_a_judge_that_rejects_everything_has_false_alarms():
    """Killing every mutant is easy; this is why there are variants."""
    angry = [unit("add/goldens", case("wrong", State.FAIL))]
    named = [candidate("wrong"), candidate("right", correct=True)]

    result = Score(tuple((one, examine(one, angry)) for one in named))

    assert result.as_json() == {"killed": 1, "total": 1, "survived": [], "false_alarms": ["right"]}


def test_a_judge_that_accepts_everything_has_survivors():
    """So is accusing nobody; this is why there are mutants."""
    mild = [unit("add/goldens", case("right"))]
    named = [candidate("wrong"), candidate("right", correct=True)]

    result = Score(tuple((one, examine(one, mild)) for one in named))

    assert result.as_json() == {"killed": 0, "total": 1, "survived": ["wrong"], "false_alarms": []}


# Samples


def test_a_sample_breaks_every_semantic_clause_and_holds_whole_runtimes_and_variants():
    """It is drawn by the seed, in the order of the candidates."""
    candidates = own_candidates()
    semantic = {clause.id for clauses in all_clauses().values() for clause in clauses if clause.kind == "S"}

    for seed in (0, 1):
        chosen = sample(candidates, seed)
        assert {clause for one in chosen if one.operator for clause in one.clauses} == semantic
        assert any(not one.operator and not one.correct for one in chosen)
        assert sum(one.correct for one in chosen) >= 5
        assert list(chosen) == [one for one in candidates if one in chosen]
    assert sample(candidates, 0) == sample(candidates, 0) != sample(candidates, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_sample_of_the_real_score_is_perfect(seed):
    """What distilspec mutants --quick prints, in one process."""
    units = suite(seed)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # wrong arithmetic overflows
        result = Score(tuple((one, examine(one, units)) for one in sample(own_candidates(), seed)))

    assert [(one.name, verdict) for one, verdict in (*result.survived, *result.false_alarms)] == []
