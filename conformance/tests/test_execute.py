"""Units of work in processes: whatever one of them does, the others end as they would have alone."""

from __future__ import annotations

import multiprocessing
from concurrent.futures.process import BrokenProcessPool

import pytest
from pebble.pool.process import PoolManager
from planted_units import dies, exits, hangs, passes, says_farewell

from distilspec.conformance.execute import Judged, execute_here, execute_in_processes
from distilspec.conformance.result import State
from distilspec.reference.contract.errors import UnsupportedError

REFERENCE = Judged("reference")


def states(finished):
    """Return every unit's id with the states of its cases."""
    return {unit.id: [case.state for case in outcome.cases] for unit, outcome in finished}


def test_units_here_come_in_their_order():
    """And say what they are at."""
    said = []
    finished = list(execute_here([passes("b"), passes("a")], REFERENCE, said.append))

    assert [unit.id for unit, _ in finished] == ["b", "a"] == said


def test_a_crash_and_a_hang_are_results_and_the_rest_goes_on():
    """Each bad unit becomes one case in its own state, each good one passes, and no process is left."""
    units = [passes("a"), dies("b"), passes("c"), hangs("d"), exits("e"), passes("f")]

    found = states(execute_in_processes(units, REFERENCE, jobs=2, timeout=5.0))

    assert found == {
        "a": [State.PASS], "b": [State.CRASH], "c": [State.PASS], "d": [State.TIMEOUT], "e": [State.CRASH],
        "f": [State.PASS],
    }  # fmt: skip
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("times", "detail"),
    [(1, "the process ended with signal SIGKILL"), (2, "the process ended before it said what it works at")],
)
def test_units_whose_process_nobody_knows_are_judged_again(times, detail, monkeypatch):
    """The pool loses sight of as many processes that end, as it does on a busy machine; only one unit ends any."""
    find, lost = PoolManager.find_expired_task, []

    def lose(manager, worker):
        if len(lost) < times:
            lost.append(worker)
            raise BrokenProcessPool("All workers expired")
        return find(manager, worker)

    monkeypatch.setattr(PoolManager, "find_expired_task", lose)
    units = [passes("a"), dies("b"), passes("c"), passes("d"), passes("e")]

    finished = list(execute_in_processes(units, REFERENCE, jobs=1, timeout=30.0))

    assert len(finished) == len(units)
    assert states(finished) == {name: [State.CRASH if name == "b" else State.PASS] for name in "abcde"}
    assert [outcome.cases[0].judgement.detail for unit, outcome in finished if unit.id == "b"] == [detail]
    assert len(lost) == times
    assert multiprocessing.active_children() == []


def test_the_detail_says_how_the_process_ended():
    """A signal by its name, a status by its number."""
    found = {
        unit.id: outcome.cases[0].judgement.detail
        for unit, outcome in execute_in_processes([dies("a"), exits("b")], REFERENCE, jobs=1, timeout=30.0)
    }

    assert found == {"a": "the process ended with signal SIGKILL", "b": "the process ended with exit status 3"}


def test_an_unknown_runtime_is_refused_before_anything_runs():
    """The caller creates the runtime once to say so."""
    with pytest.raises(UnsupportedError, match="no adapter has this name"):
        Judged("tensorflow").create()


def test_units_are_drawn_as_they_are_needed():
    """An endless supply of units is no problem."""
    drawn = []

    def endless():
        for number in range(10**9):
            drawn.append(number)
            yield passes(str(number))

    finished = execute_in_processes(endless(), REFERENCE, jobs=1, timeout=30.0)
    for _ in range(3):
        next(finished)
    finished.close()

    assert len(drawn) <= 6


def test_a_worker_process_closes_its_runtime_when_it_ends(tmp_path):
    """Once, after all of its units: what an adapter started must not outlive the process."""
    farewell = tmp_path / "closed"

    list(execute_in_processes([says_farewell("a", farewell), passes("b")], REFERENCE, jobs=1, timeout=30.0))

    assert farewell.read_text() == "closed\n"
