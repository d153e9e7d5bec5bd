"""The pool: every unit once, in order of the operations, whatever the threads do."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time

import numpy as np
import pytest
from counting import Chain

from distilspec.fast.execute import pool as module
from distilspec.fast.execute.pool import Calls, Pool
from distilspec.fast.isa.host import host_target
from distilspec.reference.contract.errors import RangeError

TARGET = host_target()
ALLOWED = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def run(pool, chain, calls):
    """Return the last counts after a run."""
    chain.clear()
    pool.run(calls)
    return chain.counts[-1].tolist()


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("grain", [1, 2, 100])
def test_every_unit_runs_once_and_after_what_it_needs(threads, grain):
    """With more threads than processors too."""
    chain = Chain(TARGET, grain=grain, threads=threads)
    calls = Calls(chain.calls)
    pool = Pool(TARGET, threads, oversubscribe=True)
    try:
        for _ in range(50):
            assert run(pool, chain, calls) == [chain.expected()] * chain.units
            assert chain.threads.sum() == chain.units * chain.operations
    finally:
        pool.close()


@pytest.mark.parametrize(("grain", "most"), [(1, 32), (40, 40), (100, 64)])
def test_a_thread_takes_many_units_first(grain, most):
    """Half of a fair share of what is left, here of one thread, so that neighbouring units find codes in the cache."""
    chain = Chain(TARGET, operations=2, units=64, grain=grain)
    pool = Pool(TARGET, 1)
    try:
        assert run(pool, chain, Calls(chain.calls)) == [chain.expected()] * chain.units
    finally:
        pool.close()

    assert chain.most[0] == most


def test_workers_that_sleep_are_woken():
    """Between two runs they wait longer than they are patient."""
    chain = Chain(TARGET, operations=400, units=200, grain=1, threads=2)
    calls = Calls(chain.calls)
    pool = Pool(TARGET, 2, oversubscribe=True)
    shares = []
    try:
        for _ in range(5):
            time.sleep(0.05)
            assert run(pool, chain, calls) == [chain.expected()] * chain.units
            shares.append(chain.threads[1])
    finally:
        pool.close()
    assert max(shares) > 0


def test_lists_of_different_lengths_take_turns():
    """No worker carries out what it knows of another run."""
    chains = [Chain(TARGET, operations=number, units=7 * number % 11 + 1, threads=3) for number in (1, 9, 2, 30)]
    lists = [Calls(chain.calls) for chain in chains]
    pool = Pool(TARGET, 3, oversubscribe=True)
    try:
        for turn in range(400):
            chain = chains[turn % len(chains)]
            assert run(pool, chain, lists[turn % len(chains)]) == [chain.expected()] * chain.units
        pool.run(Calls([]))
    finally:
        pool.close()


def test_operations_without_units_are_passed_over():
    """A batch of no sequences has such."""
    chain = Chain(TARGET, operations=3, units=0)
    pool = Pool(TARGET, 1)
    pool.run(Calls(chain.calls))
    pool.close()
    assert chain.threads.sum() == 0


def test_close_ends_the_threads():
    """The process has as many as before."""
    before = threading.active_count()
    pool = Pool(TARGET, 4, oversubscribe=True)
    assert threading.active_count() == before + 3
    pool.close()
    pool.close()
    assert threading.active_count() == before


def test_a_pool_that_is_forgotten_ends_its_threads():
    """Its state is not freed under them."""
    before = threading.active_count()
    for _ in range(5):
        pool = Pool(TARGET, 3, oversubscribe=True)
        pool.run(Calls([]))
        del pool
        gc.collect()
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [0, -1, ALLOWED + 1])
def test_an_impossible_number_of_threads_is_refused(threads):
    """With what this process may use."""
    with pytest.raises(RangeError, match=f"got {threads}; expected 1 to {ALLOWED}"):
        Pool(TARGET, threads)


def test_a_system_that_starts_no_more_threads_is_told_of(monkeypatch):
    """Those that were started end, on memory that is still theirs."""
    before, start = threading.active_count(), threading.Thread.start

    def refuse(thread):
        if thread.name == "distilspec-3":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RangeError, match="threads: can't start new thread besides 3; expected 5") as raised:
        Pool(TARGET, 5, oversubscribe=True)
    assert threading.active_count() == before
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_process_makes_a_pool_of_its_own():
    """It has none of the threads; the end of its copy of the first pool leaves those of the parent alone."""
    chain = Chain(TARGET, threads=2)
    calls = Calls(chain.calls)
    pool = Pool(TARGET, 2, oversubscribe=True)
    try:
        pool.run(calls)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            own = Pool(TARGET, 2, oversubscribe=True)
            right = run(own, chain, calls) == [chain.expected()] * chain.units
            pool.close()
            os._exit(0 if right else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert run(pool, chain, calls) == [chain.expected()] * chain.units
    finally:
        pool.close()


def test_calls_are_aligned_to_cache_lines():
    """Two operations on one line would make threads wait for each other."""
    assert Calls(Chain(TARGET).calls).address % 64 == 0
    assert np.dtype(np.int64).itemsize * 16 == module.OPERATION
