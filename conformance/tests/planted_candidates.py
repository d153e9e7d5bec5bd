"""Candidates of every fate, and units that judge them in every way."""

from __future__ import annotations

from dataclasses import dataclass

from stepwise import StepwiseRuntime

from distilspec.conformance.mutants.candidates import Candidate
from distilspec.conformance.result import CaseResult, Judgement, State
from distilspec.conformance.result import Unit as Rule
from distilspec.conformance.unit import Outcome, Unit


@dataclass(frozen=True)
class Planted:
    """Makes a runtime by a function."""

    make: object

    def runtime(self):
        """Return what the function returns."""
        return self.make()


def candidate(name="a mutant", *, make=StepwiseRuntime, **fields):
    """Return a candidate; by default a runtime that is right."""
    return Candidate(name, Planted(make), **fields)


def case(name, state=State.PASS, rule=Rule.EXACT, clause="ADD-S1"):
    """Return a case that ended in a state."""
    return CaseResult(name, clause, "any", "add", Judgement(rule, state, 0.0, 0.0, "a detail"), ("add",))


def unit(name, *cases, seen=None, mandatory=()):
    """Return a unit with these cases, which writes its name into the list ``seen``."""

    def judge(_runtime, _progress):
        if seen is not None:
            seen.append(name)
        return Outcome(cases, frozenset(mandatory))

    return Unit(name, judge)
