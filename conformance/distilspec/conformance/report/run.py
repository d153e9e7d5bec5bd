"""``Run``: everything that was judged in one run, and the verdict on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from distilspec.conformance.report.environment import Environment, this_environment
from distilspec.conformance.result import FAILING, CaseResult, State, Unit
from distilspec.conformance.waivers import Waiver

#: A run that judges a smaller share of the clauses that it must judge is not conformant.
SMALLEST_CLAUSE_SHARE = 0.5

#: States in which a case says something about the runtime.
JUDGED = (*FAILING, State.PASS, State.WAIVED, State.UNDECIDED)

CONFORMANT, NOT_CONFORMANT, UNUSABLE = 0, 1, 2


@dataclass(frozen=True)
class Run:
    """
    One run of the suite.

    Parameters
    ----------
    runtime, version : str
    options : mapping of str to str
        Whatever changes the runtime's numerics, the optimisation level for one.
    model : str
        The model's name, or ``operators``.
    recipes : tuple of str
    cases : tuple of CaseResult
    mandatory : frozenset of str
        The clauses that the run had to judge.
    steps : mapping of str to sequence of str
        The names of a program's steps by ``model/recipe``, in order; without them the cases are taken to be in order.
    seed : int
        What every random input was drawn from.
    waivers : tuple of Waiver
        Those that were applied to the cases.
    environment : Environment
    """

    runtime: str
    version: str
    options: Mapping[str, str]
    model: str
    recipes: tuple[str, ...]
    cases: tuple[CaseResult, ...]
    mandatory: frozenset[str]
    steps: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seed: int = 0
    waivers: tuple[Waiver, ...] = ()
    environment: Environment = field(default_factory=this_environment)

    @property
    def counts(self) -> Mapping[State, int]:
        """Return the number of cases in each state that occurs."""
        found = Counter(case.state for case in self.cases)
        return {state: found[state] for state in State if found[state]}

    @property
    def judged_clauses(self) -> frozenset[str]:
        """Return the mandatory clauses that at least one judged case is about."""
        judged = {clause for case in self.cases if case.state in JUDGED for clause in case.clause.split(", ")}
        return self.mandatory & judged

    @property
    def failing(self) -> tuple[CaseResult, ...]:
        """Return the cases that make the runtime not conformant."""
        return tuple(case for case in self.cases if case.state in FAILING)

    @property
    def exit_status(self) -> int:
        """Return 0 for conformant, 1 for not conformant, 2 when nothing was judged."""
        if not any(case.state in JUDGED and case.judgement.unit is not Unit.WAIVER for case in self.cases):
            return UNUSABLE
        if self.failing or len(self.judged_clauses) < SMALLEST_CLAUSE_SHARE * len(self.mandatory):
            return NOT_CONFORMANT
        return CONFORMANT

    @property
    def verdict(self) -> str:
        """Return ``conformant``, ``not conformant`` or ``nothing judged``."""
        return ("conformant", "not conformant", "nothing judged")[self.exit_status]
