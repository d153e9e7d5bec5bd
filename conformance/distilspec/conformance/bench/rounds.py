"""
Rounds: in each, every runtime takes one turn, so that what disturbs the machine disturbs all of them.

Only times of the same round are divided by each other.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

from distilspec.conformance.bench.process import PeerError
from distilspec.conformance.bench.timings import Quartiles, quartiles, two_speeds

#: Forwards that warm up caches and clocks at the beginning of a turn, and those that are timed at the least and most.
WARM, FEWEST, MOST = 1, 3, 40

#: Seconds from which a forward is a turn of its own: what others left in the caches is a matter of milliseconds.
LONG = 0.25

#: Seconds that the timed forwards of a turn take, where that is possible.
TURN = 0.1

#: Rounds in which a speed must occur: in one alone it is the machine that was slow.
ROUNDS_OF_A_SPEED = 2

#: Rounds that are measured, however little time there is.
FEWEST_ROUNDS = 5


class TakesTurns(Protocol):
    """What is timed."""

    def turn(self, warm: int, count: int) -> list[float]:
        """Return the seconds of ``count`` forwards, which follow ``warm`` others; ``PeerError`` if it cannot."""


@dataclass
class Times:
    """
    The times of one runtime.

    ``turns`` holds, by the number of the round, the seconds of each forward; ``failure`` is why there are no more.
    """

    turns: dict[int, list[float]] = field(default_factory=dict)
    failure: PeerError | None = None

    @property
    def medians(self) -> dict[int, float]:
        """Return the median of each turn, by the number of the round."""
        return {number: median(turn) for number, turn in self.turns.items()}

    def quartiles(self) -> Quartiles:
        """Return the quartiles over rounds."""
        return quartiles(list(self.medians.values()))

    def two_speeds(self) -> tuple[float, float] | None:
        """Return both speeds where the forwards of all turns have two, each in several rounds."""
        speeds = two_speeds([seconds for turn in self.turns.values() for seconds in turn])
        if speeds is None:
            return None
        border = math.sqrt(math.prod(speeds))
        quick = sum(min(turn) <= border for turn in self.turns.values())
        slow = sum(max(turn) > border for turn in self.turns.values())
        return speeds if min(quick, slow) >= ROUNDS_OF_A_SPEED else None


def measure(
    runtimes: Mapping[str, TakesTurns],
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    seed: int = 0,
    show: Callable[[str], object] = lambda _: None,
) -> dict[str, Times]:
    """
    Time runtimes in rounds until ``seconds`` have passed, at least ``FEWEST_ROUNDS``.

    A first turn of each, which does not count, decides how many forwards its turns have. The order changes from round
    to round, so that none always follows the same one. A runtime that fails takes no more turns.
    """
    times = {name: Times() for name in runtimes}
    plans: dict[str, tuple[int, int]] = {}
    for name in runtimes:
        first = _turn(runtimes[name], times[name], (WARM, 1))
        if first:
            plans[name] = _plan(first[0])
    order = random.Random(seed)
    number, stop = 0, clock() + seconds
    while number < FEWEST_ROUNDS or clock() < stop:
        left = [name for name in plans if times[name].failure is None]
        if not left:
            break
        for name in order.sample(left, len(left)):
            show(f"{name}, round {number + 1}")
            turn = _turn(runtimes[name], times[name], plans[name])
            if turn:
                times[name].turns[number] = turn
        number += 1
    return times


def ratios(base: Times, other: Times) -> list[float]:
    """Return how many times as fast ``other`` is as ``base``, in each round in which both took their turn."""
    first, second = base.medians, other.medians
    return [first[number] / second[number] for number in sorted(first.keys() & second.keys())]


def _plan(seconds: float) -> tuple[int, int]:
    """Return how many forwards warm up and how many are timed in a turn of a runtime whose forward takes so long."""
    if seconds >= LONG:
        return 0, 1
    return WARM, min(MOST, max(FEWEST, round(TURN / max(seconds, 1e-9))))


def _turn(runtime: TakesTurns, times: Times, plan: tuple[int, int]) -> list[float]:
    try:
        return runtime.turn(*plan)
    except PeerError as failure:
        times.failure = failure
        return []
