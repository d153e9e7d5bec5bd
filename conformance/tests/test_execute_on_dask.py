"""Units of work on a real local Dask cluster."""

from __future__ import annotations

import pytest
from planted_units import dies, dies_once, hangs, passes

from distilspec.conformance.execute import Judged
from distilspec.conformance.result import State
from distilspec.reference.contract.errors import UnsupportedError

distributed = pytest.importorskip("distributed")
execute_on_dask = pytest.importorskip("distilspec.conformance.execute_on_dask").execute_on_dask

REFERENCE = Judged("reference")


@pytest.fixture(scope="module")
def address():
    """Return the address of a cluster of two worker processes, which are started again when they die."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def states(finished):
    """Return every unit's id with the states of its cases."""
    return {unit.id: [case.state for case in outcome.cases] for unit, outcome in finished}


def test_every_unit_ends_once(address):
    """Twenty units on two workers."""
    units = [passes(str(number)) for number in range(20)]

    found = states(execute_on_dask(units, REFERENCE, address=address, timeout=60.0))

    assert found == {str(number): [State.PASS] for number in range(20)}


def test_a_worker_killed_in_the_middle_loses_nothing(address, tmp_path):
    """Its unit is judged again on another worker."""
    units = [passes("a"), dies_once("b", tmp_path), passes("c")]

    found = states(execute_on_dask(units, REFERENCE, address=address, timeout=60.0))

    assert found == {"a": [State.PASS], "b": [State.PASS], "c": [State.PASS]}
    processes = (tmp_path / "b.runs").read_text().split()
    assert len(processes) == 2
    assert processes[0] != processes[1]


def test_a_unit_that_kills_every_worker_is_a_crash(address):
    """And the others end."""
    found = states(execute_on_dask([dies("a"), passes("b")], REFERENCE, address=address, timeout=60.0))

    assert found == {"a": [State.CRASH], "b": [State.PASS]}


def test_a_hang_is_a_timeout():
    """On a cluster of its own, because a worker that hangs stays busy."""
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        finished = execute_on_dask([passes("a"), hangs("b")], REFERENCE, address=cluster.scheduler_address, timeout=3.0)

        assert states(finished) == {"a": [State.PASS], "b": [State.TIMEOUT]}


def test_no_scheduler_is_one_clear_line():
    """Not a traceback of another library."""
    with pytest.raises(UnsupportedError, match="expected the address of a scheduler that runs") as raised:
        list(execute_on_dask([passes("a")], REFERENCE, address="tcp://127.0.0.1:1", timeout=1.0))

    assert "\n" not in str(raised.value)
