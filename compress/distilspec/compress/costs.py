"""What the stages of a run have cost, from its log: time, time of processors, memory."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from distilspec.reference.contract.errors import FormatError


class Cost(NamedTuple):
    """
    What a stage has cost.

    ``seconds`` are those of work: what lies between a kill and the next begin is none. ``cpu_seconds`` are of all its
    threads, and known of what came to an end alone; ``is_whole`` says that nothing of the stage did not. ``peak_mib``
    is the largest memory of its process until its end, or None if it has not come to one.
    """

    seconds: float
    cpu_seconds: float
    is_whole: bool
    peak_mib: int | None


def costs_of(log: Path) -> dict[str, Cost]:
    """
    Return what each stage has cost, by its name, in the order in which they began for the last time.

    Raises
    ------
    FormatError
        A line is no object with time, stage and event.
    """
    if not log.is_file():
        return {}
    events: dict[str, list[tuple[float, str]]] = {}
    ends: dict[str, list[dict[str, Any]]] = {}
    for number, line in enumerate(log.read_bytes().splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            break  # The process that writes is not done with it, or was killed.
        try:
            entry = json.loads(line)
            if entry["event"] == "begin":
                events[entry["stage"]] = events.pop(entry["stage"], [])
            events.setdefault(entry["stage"], []).append((float(entry["time"]), entry["event"]))
            if entry["event"] == "end":
                ends.setdefault(entry["stage"], []).append(entry)
        except (KeyError, TypeError, ValueError):
            found = line.decode(errors="replace").rstrip()
            raise FormatError(f"{log}: line {number} is {found!r:.60}; expected an object with its time") from None
    return {stage: _cost(found, ends.get(stage, [])) for stage, found in events.items()}


def _cost(events: list[tuple[float, str]], ends: list[dict[str, Any]]) -> Cost:
    return Cost(
        seconds=sum(later - time for (time, _), (later, event) in pairwise(events) if event != "begin"),
        cpu_seconds=sum(end.get("cpu_seconds", 0.0) for end in ends),
        is_whole=len(ends) == sum(event == "begin" for _, event in events),
        peak_mib=max((end["peak_mib"] for end in ends if "peak_mib" in end), default=None),
    )
