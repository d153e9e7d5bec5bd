"""Which clauses a run has to judge: those of every step, or those of answers where a runtime shows nothing else."""

from __future__ import annotations

from functools import cache

from planted_relations import Planted

from distilspec.conformance.cases.models import model_subject
from distilspec.conformance.check import check_model, formula_clause
from distilspec.conformance.mandatory import mandatory_relations, mandatory_steps
from distilspec.conformance.metamorphic import check_metamorphic
from distilspec.conformance.report.run import Run


@cache
def subject():
    """Return a small model."""
    return model_subject("random-bert-7", "w8a8-static")


STEPS = {formula_clause(step.op) for step in subject().program.steps}


def run_of(runtime):
    """Return the run of a runtime on the model, with what it has to judge."""
    cases = check_model(runtime, subject())
    relations = list(check_metamorphic(runtime, subject()))
    mandatory = mandatory_steps(subject().program, cases) | mandatory_relations(relations)
    return Run("planted", "1", {}, "m", ("w8a8-static",), (*cases, *relations), mandatory)


def test_a_runtime_that_shows_its_steps_has_to_be_judged_by_them():
    """By their formulas, and by its decisions."""
    run = run_of(Planted())

    assert run.mandatory > STEPS | {"DEC-S1"}
    assert "DEC-S2" not in run.mandatory
    assert run.exit_status == 0


def test_a_runtime_that_shows_nothing_can_be_conformant_by_its_answers():
    """DEC-S1, DEC-S2: decisions, whole outputs and relations, all of which are judged."""
    run = run_of(Planted(opaque=True))

    assert not run.mandatory & STEPS
    assert run.mandatory >= {"DEC-S1", "DEC-S2", "RUN2-S1", "PAD-S1", "HEAD-S1"}
    assert run.judged_clauses == run.mandatory
    assert run.exit_status == 0


def test_a_runtime_that_does_not_run_has_every_step_before_it():
    """Nobody gets rid of clauses by failing."""

    class Broken(Planted):
        def load(self, program):
            raise OSError

    cases = check_model(Broken(), subject())

    assert mandatory_steps(subject().program, cases) == STEPS
