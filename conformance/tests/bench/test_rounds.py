"""Rounds of turns, on runtimes and a clock that are not real."""

from __future__ import annotations

import pytest

from distilspec.conformance.bench import rounds
from distilspec.conformance.bench.process import PeerError
from distilspec.conformance.bench.rounds import FEWEST, FEWEST_ROUNDS, MOST, Times, measure, ratios
from distilspec.conformance.result import State


class Clock:
    """Time that only passes where a runtime works."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        """Return the time."""
        return self.now


class Runtime:
    """Takes so many seconds for a forward, and notes its turns in a list that it shares with others."""

    def __init__(self, name, clock, noted, seconds=1.0, fails_at=None):
        self.failures = []
        self.name, self.clock, self.noted, self.seconds, self.fails_at = name, clock, noted, seconds, fails_at

    def turn(self, warm, count):
        """Take a turn."""
        if self.fails_at is not None and [name for name, _ in self.noted].count(self.name) == self.fails_at:
            self.failures.append(self.name)
            raise PeerError(State.CRASH, "signal 11: nothing printed")
        self.noted.append((self.name, count))
        self.clock.now += (warm + count) * self.seconds
        return [self.seconds] * count


def measured(seconds, **runtimes):
    """Return the times of runtimes, and (name, forwards) of every turn after the first one of each."""
    clock, noted = Clock(), []
    named = {name: Runtime(name, clock, noted, **options) for name, options in runtimes.items()}
    return measure(named, seconds, clock=clock), noted[len(named) :]


def test_every_runtime_takes_one_turn_in_each_round():
    """Also where the time is long over."""
    times, noted = measured(0.0, a={}, b={}, c={})

    names = [name for name, _ in noted]
    assert len(names) == 3 * FEWEST_ROUNDS
    for first in range(0, len(names), 3):
        assert sorted(names[first : first + 3]) == ["a", "b", "c"]
    assert {name: list(one.turns) for name, one in times.items()} == {key: list(range(FEWEST_ROUNDS)) for key in "abc"}


def test_rounds_go_on_until_the_time_is_over():
    """A round of one runtime takes 4 s: its third begins before 1000 s have passed, and so does the 250th."""
    times, _ = measured(1000.0, a={"seconds": 4.0})

    assert len(times["a"].turns) == 250


def test_nobody_always_follows_the_same_runtime():
    """The order changes between rounds."""
    _, noted = measured(400.0, a={}, b={}, c={})

    names = [name for name, _ in noted]
    assert len({tuple(names[first : first + 3]) for first in range(0, len(names), 3)}) > 2


@pytest.mark.parametrize(("seconds", "count"), [(1e-5, MOST), (0.01, 10), (0.2, FEWEST), (5.0, 1)])
def test_quick_runtimes_have_more_forwards_in_a_turn(seconds, count):
    """So many as fill a tenth of a second, at least three, and one where a forward is long."""
    _, noted = measured(0.0, a={"seconds": seconds})

    assert {made for _, made in noted} == {count}


def test_the_first_turn_does_not_count():
    """It decides how long a turn is, and warms up."""
    times, noted = measured(0.0, a={})

    assert len(noted) == len(times["a"].turns) == FEWEST_ROUNDS


def test_a_runtime_that_fails_keeps_its_times_and_takes_no_more_turns():
    """The others go on."""
    clock, noted = Clock(), []
    failing = Runtime("b", clock, noted, fails_at=3)

    times = measure({"a": Runtime("a", clock, noted), "b": failing}, 0.0, clock=clock)

    assert failing.failures == ["b"]
    assert times["b"].failure.state is State.CRASH
    assert list(times["b"].turns) == [0, 1]
    assert len(times["a"].turns) == FEWEST_ROUNDS


def test_a_runtime_that_never_runs_has_no_times():
    """And where nobody runs, there is nothing to wait for."""
    times, noted = measured(1000.0, a={"fails_at": 0})

    assert noted == []
    assert times["a"].turns == {}


def test_ratios_are_of_the_same_round():
    """A machine that slows down fourfold in the middle changes no ratio, and a round of one alone does not count."""
    base = Times({0: [2.0, 2.0], 1: [8.0, 8.0], 2: [2.0, 2.0], 3: [100.0]})
    other = Times({0: [1.0, 1.0], 1: [4.0, 4.0], 2: [1.0, 1.0], 4: [0.001]})

    assert ratios(base, other) == [2.0, 2.0, 2.0]


def test_the_time_of_a_round_is_the_median_of_its_turn():
    """One slow forward is not the time of the round; quartiles are over rounds."""
    times = Times({0: [1.0, 1.0, 90.0], 1: [2.0, 2.0, 2.0], 2: [3.0, 0.1, 3.0]})

    assert times.medians == {0: 1.0, 1: 2.0, 2: 3.0}
    assert times.quartiles().median == 2.0


def test_two_speeds_are_found_among_all_forwards():
    """Also where each turn has one of them."""
    times = Times({number: [20.0 + 20.0 * (number % 2)] * 3 for number in range(6)})

    assert times.two_speeds() == (20.0, 40.0)


def test_a_speed_of_one_round_is_that_of_the_machine():
    """However many forwards it has; in two rounds it is the runtime's."""
    disturbed = {number: [20.0] * 5 for number in range(8)} | {8: [40.0] * 5}

    assert Times(disturbed).two_speeds() is None
    assert Times(disturbed | {9: [20.0, 40.0]}).two_speeds() == (20.0, 40.0)


@pytest.mark.parametrize(("seconds", "warm"), [(0.1, rounds.WARM), (1.0, 0)])
def test_warm_up_comes_before_every_turn(seconds, warm):
    """A runtime that waits while others run finds its caches cold; beside a long forward that is nothing."""
    asked = []

    class Asked:
        def turn(self, warm, count):
            """Note how much warms up."""
            asked.append(warm)
            return [seconds] * count

    measure({"a": Asked()}, 0.0)

    assert asked[0] == rounds.WARM > 0
    assert set(asked[1:]) == {warm}
