"""The states in which a judged case can end, and the record of one case."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How a case ended (design of the report: one of these words in every case)."""

    PASS = "PASS"
    FAIL = "FAIL"
    ERROR = "ERROR"
    CRASH = "CRASH"
    TIMEOUT = "TIMEOUT"
    UNSUPPORTED = "UNSUPPORTED"
    WAIVED = "WAIVED"
    XPASS = "XPASS"
    UNDECIDED = "UNDECIDED"
    MISTRUSTED = "MISTRUSTED"


class Unit(StrEnum):
    """By which kind of rule a case was judged."""

    EXACT = "exact"
    SET = "set"
    BOUND = "bound"
    DECISION = "decision"
    METAMORPHIC = "metamorphic"
    WAIVER = "waiver"


#: States that make a runtime not conformant.
FAILING = (State.FAIL, State.ERROR, State.CRASH, State.TIMEOUT, State.XPASS)


#: Elements are counted by the share of their bound that they used: none of it, up to each of these, more than the last.
SHARES = (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True)
class Judgement:
    """
    The verdict on one tensor or decision.

    ``max_error`` is the largest absolute difference in the unit of the tensor, ``bound_used`` the largest share of its
    bound that an element used (1 is the limit; 0 where the rule is exact and kept), ``bias`` the mean signed share.
    ``cause`` names the known bug under which every element of a failing tensor is explained. ``shares`` counts the
    elements by their share of the bound, one count more than ``SHARES`` has edges; empty where no tensor was compared.
    ``rms_used`` is the root mean square share, and ``suspicion`` why independent roundings do not explain a tensor that
    passed: a warning, which fails no run.
    """

    unit: Unit
    state: State
    max_error: float
    bound_used: float
    detail: str = ""
    bias: float = 0.0
    cause: str = ""
    shares: tuple[int, ...] = ()
    rms_used: float = 0.0
    suspicion: str = ""


@dataclass(frozen=True)
class CaseResult:
    """
    One judged case, as it stands in ``report.json``, and what is needed to replay it when it did not pass.

    ``waiver`` is the pattern of the waiver that covers it, if there is one.
    """

    id: str
    clause: str
    recipe: str
    step: str
    judgement: Judgement
    operators: tuple[str, ...] = ()
    evidence: Any = field(default=None, compare=False, repr=False)
    waiver: str = ""

    @property
    def state(self) -> State:
        """Return how the case ended."""
        return self.judgement.state
