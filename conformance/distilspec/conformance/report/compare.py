"""What changed between two reports: two runtimes, two versions of one, or two machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from distilspec.conformance.report.json_report import Document
from distilspec.conformance.report.verdict import Case
from distilspec.conformance.result import FAILING, State

#: A tensor that uses less than this share of its bound is as good as exact, however much that grew.
SMALLEST_SHARE = 0.01


@dataclass(frozen=True)
class Difference:
    """Something about the runs themselves; None where one of them lacks it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Change:
    """A case that ended in two states; None where one of the runs lacks it. ``detail`` is that of the later run."""

    id: str
    clause: str
    before: str | None
    after: str | None
    detail: str


@dataclass(frozen=True)
class Growth:
    """A case that passes in both runs and uses more of its bound in the second."""

    id: str
    clause: str
    before: float
    after: float

    @property
    def factor(self) -> float:
        """Return how many times more; infinite if it used nothing before."""
        return self.after / self.before if self.before else float("inf")


@dataclass(frozen=True)
class Comparison:
    """
    All that differs between two reports.

    ``newly_failing`` are the regressions: in both runs, failing in the second and not in the first. ``otherwise`` holds
    other changes of state, a case that is no longer supported for one.
    """

    verdicts: tuple[str, str]
    identity: tuple[Difference, ...]
    newly_failing: tuple[Change, ...]
    newly_passing: tuple[Change, ...]
    otherwise: tuple[Change, ...]
    only_before: tuple[Change, ...]
    only_after: tuple[Change, ...]
    growth: tuple[Growth, ...]


def compare_reports(before: Document, after: Document, *, factor: float = 2.0) -> Comparison:
    """
    Return what differs between two reports, cases matched by their ids.

    Growth lists the cases that pass in both, use at least ``factor`` times the share of their bound that they used
    before, and at least 1 % of it; the largest share first. A difference in date alone is none.
    """
    old, new = ({case["id"]: case for case in report["cases"]} for report in (before, after))
    changes = [_change(old.get(name), new.get(name)) for name in {**old, **new}]
    moved = [change for change in changes if change.before != change.after]
    both = [change for change in moved if change.before and change.after]
    return Comparison(
        verdicts=(before["verdict"], after["verdict"]),
        identity=tuple(_differences(_identity(before), _identity(after))),
        newly_failing=tuple(change for change in both if _regressed(change)),
        newly_passing=tuple(change for change in both if change.before in FAILING and change.after == State.PASS),
        otherwise=tuple(
            change
            for change in both
            if not _regressed(change) and not (change.before in FAILING and change.after == State.PASS)
        ),
        only_before=tuple(change for change in moved if change.after is None),
        only_after=tuple(change for change in moved if change.before is None),
        growth=tuple(sorted(_growths(old, new, factor), key=lambda growth: -growth.after)),
    )


def _regressed(change: Change) -> bool:
    return change.after in FAILING and change.before not in FAILING


def _change(old: Case | None, new: Case | None) -> Change:
    latest = new or old
    assert latest is not None
    return Change(
        latest["id"], latest["clause"], old["state"] if old else None, new["state"] if new else None, latest["detail"]
    )


def _growths(old: Mapping[str, Case], new: Mapping[str, Case], factor: float) -> Iterator[Growth]:
    for name, case in new.items():
        earlier = old.get(name)
        if earlier is None or earlier["state"] != State.PASS or case["state"] != State.PASS:
            continue
        before, after = earlier["bound_used"], case["bound_used"]
        if before is None or after is None:
            continue
        if after >= SMALLEST_SHARE and after > before and after >= factor * before:
            yield Growth(name, case["clause"], before, after)


def _identity(report: Document) -> dict[str, str]:
    environment = {name: value for name, value in report["environment"].items() if name != "date"}
    kept = {name: report[name] for name in ("spec", "runtime", "model", "recipes", "seed")}
    waivers = sorted(waiver["id"] for waiver in report["waivers"])
    return dict(_flat({**kept, "waivers": waivers, "environment": environment}))


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, part in value.items():
        if isinstance(part, Mapping):
            yield from _flat(part, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", ", ".join(part) if isinstance(part, list) else str(part)


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield Difference(name, before.get(name), after.get(name))
