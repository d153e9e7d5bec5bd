"""``Run``: everything that was judged in one run, and the verdict on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from distilspec.conformance.result import FAILING, CaseResult, State

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
    """

    runtime: str
    version: str
    options: Mapping[str, str]
    model: str
    recipes: tuple[str, ...]
    cases: tuple[CaseResult, ...]
    mandatory: frozenset[str]

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
        if not any(case.state in JUDGED for case in self.cases):
            return UNUSABLE
        if self.failing or len(self.judged_clauses) < SMALLEST_CLAUSE_SHARE * len(self.mandatory):
            return NOT_CONFORMANT
        return CONFORMANT

    @property
    def verdict(self) -> str:
        """Return ``conformant``, ``not conformant`` or ``nothing judged``."""
        return ("conformant", "not conformant", "nothing judged")[self.exit_status]
