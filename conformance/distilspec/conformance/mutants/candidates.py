"""``Candidate``: a runtime of which it is known whether it is right, so that the suite itself can be scored."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from distilspec.conformance.mutants import all_mutants
from distilspec.conformance.mutants.runtimes import all_runtime_mutants
from distilspec.conformance.mutants.variants import all_variants
from distilspec.conformance.runtimes.adapter import Runtime

#: Share of the whole runtimes and of the correct variants that a sample holds.
SAMPLED = 0.15


class Planted(Protocol):
    """Anything that makes runtimes."""

    def runtime(self) -> Runtime:
        """Return a fresh runtime."""


@dataclass(frozen=True)
class Candidate:
    """
    A runtime to score.

    Parameters
    ----------
    name : str
        What is wrong with a mutant, or in which way a variant is right; unique in one score.
    planted : Planted
    clauses : tuple of str
        The clauses that a mutant breaks, as far as they are known.
    correct : bool
        Whether it is a variant that the suite must accept.
    operator : str
        The operator that is wrong, where it is only one.
    seen_in : str
        Where the bug was met, if it was.
    """

    name: str
    planted: Planted
    clauses: tuple[str, ...] = ()
    correct: bool = False
    operator: str = ""
    seen_in: str = ""

    @property
    def cost(self) -> float:
        """Return about how many seconds it takes: a bug is found early, and a variant meets the whole suite."""
        return 4.0 if self.correct else 0.01 if self.operator else 0.3


def own_candidates() -> tuple[Candidate, ...]:
    """Return the project's own mutants, of one operator each and of whole runtimes, and its correct variants."""
    operators = (
        Candidate(f"{m.replaces}: {m.name}", m, m.clauses, operator=m.replaces, seen_in=m.seen_in)
        for m in all_mutants()
    )
    runtimes = (Candidate(m.name, m, m.clauses, seen_in=m.seen_in) for m in all_runtime_mutants())
    variants = (Candidate(variant.name, variant, correct=True) for variant in all_variants())
    return (*operators, *runtimes, *variants)


def sample(candidates: Sequence[Candidate], seed: int) -> tuple[Candidate, ...]:
    """
    Return a stratified sample in the order of the candidates.

    It holds mutants of single operators until every clause is broken by one, and a share of the mutants that are whole
    runtimes and of the correct variants. All of them are drawn by the seed.
    """
    shuffled = random.Random(seed).sample(candidates, len(candidates))
    strata = {
        kind: [c for c in shuffled if (bool(c.operator), c.correct) == kind]
        for kind in ((True, False), (False, False), (False, True))
    }
    chosen: set[str] = set()
    covered: set[str] = set()
    for candidate in strata.pop((True, False)):
        if not covered.issuperset(candidate.clauses):
            covered.update(candidate.clauses)
            chosen.add(candidate.name)
    for stratum in strata.values():
        chosen.update(candidate.name for candidate in stratum[: math.ceil(SAMPLED * len(stratum))])
    return tuple(candidate for candidate in candidates if candidate.name in chosen)
