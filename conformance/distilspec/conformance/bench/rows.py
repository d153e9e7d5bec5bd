"""What a benchmark says: one row for each runtime, workload, shape and number of threads, and who was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from distilspec.conformance.bench.rounds import Times, ratios
from distilspec.conformance.bench.timings import quartiles
from distilspec.conformance.bench.verdict import Verdict
from distilspec.conformance.bench.work import Limits, Work
from distilspec.conformance.report.environment import Environment
from distilspec.conformance.result import State

#: Of the JSON document.
SCHEMA = 1

_MS = 1e3
_DIGITS = 6


@dataclass(frozen=True)
class Row:
    """
    A runtime at one shape.

    Times are milliseconds: ``median_ms`` over rounds and ``spread``, the distance of the outer quartiles; ``speeds_ms``
    are both speeds of a runtime that has two. ``ratio`` is the speed against the base in the same round, the median
    over rounds with ``ratio_quartiles`` around it. ``roofline`` is the least time that the machine allows, divided by
    the median. What has no value is None: a runtime that did not run has a ``state`` and a ``detail`` alone.

    ``round_ms`` are the medians of the rounds, in their order, by which any two rows of a table can be compared in the
    same round.

    ``comparison`` is the folder of a student that took its turns in the same rounds as its teacher; the base is then
    that on the teacher.
    """

    runtime: str
    version: str
    recipe: str
    sparsity: float
    block_shape: tuple[int, int] | None
    batch: int
    seq: int
    threads: int
    median_ms: float | None = None
    spread: float | None = None
    ratio: float | None = None
    roofline: float | None = None
    model: str = ""
    pruned: str = "all"
    base: str = ""
    state: State = State.PASS
    detail: str = ""
    error: float | None = None
    error_limit: float | None = None
    speeds_ms: tuple[float, float] | None = None
    ratio_quartiles: tuple[float, float] | None = None
    rounds: int = 0
    round_ms: tuple[float, ...] = ()
    comparison: str = ""

    @property
    def part(self) -> str:
        """Return which model of a comparison it is, the student or its teacher; empty for a row of none."""
        if not self.comparison:
            return ""
        return "student" if self.model == self.comparison else "teacher"


@dataclass(frozen=True)
class LeftOut:
    """A runtime that is not on this machine, and what brings it."""

    runtime: str
    reason: str


@dataclass
class Report:
    """All that a benchmark found; ``limits`` are one for each number of threads."""

    machine: Environment
    limits: list[Limits] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def timed(row: Mapping[str, Any], verdict: Verdict, times: Times, base: Times | None, least: float | None) -> Row:
    """
    Return the row of a runtime that took its turns.

    Parameters
    ----------
    row : mapping
        The fields that say what was timed.
    base : Times or None
        Of the base runtime, if it has any.
    least : float or None
        The seconds that the machine allows, if its limit is known.
    """
    found: dict[str, Any] = {"error": verdict.error, "error_limit": verdict.limit, "state": verdict.state}
    if times.failure is not None:
        found |= {"state": times.failure.state, "detail": str(times.failure)}
    if not times.turns:
        return Row(**row, **found)
    over_rounds = times.quartiles()
    found |= {
        "median_ms": over_rounds.median * _MS,
        "spread": over_rounds.spread * _MS,
        "rounds": len(times.turns),
        "round_ms": tuple(seconds * _MS for _, seconds in sorted(times.medians.items())),
        "roofline": None if least is None else least / over_rounds.median,
    }
    if (speeds := times.two_speeds()) is not None:
        found["speeds_ms"] = tuple(seconds * _MS for seconds in speeds)
    if base is not None and (compared := ratios(base, times)):
        around = quartiles(compared)
        found |= {"ratio": median(compared), "ratio_quartiles": (around.first, around.third)}
    return Row(**row, **found)


def least_seconds(limits: Limits | None, work: Work, *, is_bf16: bool = False) -> float | None:
    """Return the least time of some work, or None where the limit of the instructions is not known."""
    return None if limits is None or is_bf16 else limits.seconds(work)


def document(report: Report) -> dict[str, Any]:
    """Return the report as JSON has it, with figures of six digits."""
    machine = asdict(report.machine)
    machine["limits"] = [asdict(limits) for limits in report.limits]
    return {
        "schema": SCHEMA,
        "machine": rounded(machine),
        "rows": [rounded(asdict(row)) for row in report.rows],
        "left_out": [asdict(one) for one in report.left_out],
    }


def rounded(value: Any) -> Any:
    """Return a document with figures of six digits, and null for what is infinite, which JSON has not."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if abs(value) != float("inf") else None
    if isinstance(value, Mapping):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [rounded(one) for one in value]
    return value
