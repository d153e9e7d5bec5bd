"""``Unit``: a piece of a run that can be judged apart, in any process, and ends the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from distilspec.conformance.result import CaseResult
from distilspec.conformance.runtimes.adapter import Runtime

#: Called before each case with a description, for progress bars.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """
    What a unit ended in: its cases, and the clauses that a run with this unit has to judge.

    ``recipe`` names the numerics of the model that was judged, if it was one, and ``steps`` holds its steps' names by
    ``model/recipe``.
    """

    cases: tuple[CaseResult, ...]
    mandatory: frozenset[str] = frozenset()
    recipe: str = ""
    steps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Unit:
    """
    A piece of a run.

    Parameters
    ----------
    id : str
        The same in every process and in every later run with the same arguments.
    judge : callable
        Takes a runtime and a ``Progress``; can be pickled, as a ``functools.partial`` of a module's function can.
    cost : float
        About how many seconds it takes, for time estimates.
    """

    id: str
    judge: Callable[[Runtime, Progress], Outcome]
    cost: float = 1.0
