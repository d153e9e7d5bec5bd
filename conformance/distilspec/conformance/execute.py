"""Carrying out units of work: in this process, in worker processes, or on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from multiprocessing.util import Finalize

from pebble import ProcessExpired, ProcessPool

from distilspec.conformance.check import crashed
from distilspec.conformance.result import CaseResult
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.runtimes.adapter import Runtime, RuntimeCrashError, RuntimeHangError
from distilspec.conformance.unit import Outcome, Progress, Unit

Finished = tuple[Unit, Outcome]


@dataclass(frozen=True)
class Judged:
    """The runtime that units are judged on; every process makes its own from this."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)

    def create(self) -> Runtime:
        """Return the runtime; the errors are those of ``find_runtime``."""
        return find_runtime(self.name, self.options)


def execute_here(units: Iterable[Unit], judged: Judged, progress: Progress) -> Iterator[Finished]:
    """Judge one unit after the other in this process; a runtime that ends the process ends the run."""
    runtime = judged.create()
    try:
        for unit in units:
            yield unit, unit.judge(runtime, progress)
    finally:
        runtime.close()


def execute_in_processes(units: Iterable[Unit], judged: Judged, *, jobs: int, timeout: float) -> Iterator[Finished]:
    """
    Judge units in ``jobs`` worker processes and yield them as they end.

    A unit whose process ends becomes a case in state CRASH, one that takes more than ``timeout`` seconds a case in
    state TIMEOUT; the other units go on in a new process. Of a process that ends before it has said what it works at
    nobody knows the unit: those that were begun are judged again, each alone.
    """
    waiting, is_over = iter(units), False
    while not is_over:
        lost: list[Unit] = []
        for unit, outcome in _in_one_pool(waiting, judged, jobs, timeout):
            if outcome is None:
                lost.append(unit)
            else:
                yield unit, outcome
        is_over = not lost
        for one in lost:
            for unit, outcome in _in_one_pool(iter([one]), judged, 1, timeout):
                silent = RuntimeCrashError("the process ended before it said what it works at")
                yield unit, outcome or ended_early(unit, silent)


def _in_one_pool(
    waiting: Iterator[Unit], judged: Judged, jobs: int, timeout: float
) -> Iterator[tuple[Unit, Outcome | None]]:
    """Yield units as they end, until none waits or the pool breaks; then those that were begun, without an outcome."""
    context = multiprocessing.get_context("spawn")
    with ProcessPool(max_workers=jobs, context=context, initializer=_leave_interrupts_to_the_parent) as pool:
        running: dict[Future[Outcome], Unit] = {}
        try:
            while True:
                for unit in islice(waiting, jobs + 1 - len(running)):
                    running[pool.schedule(judge_in_worker, args=(judged, unit), timeout=timeout)] = unit
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    if isinstance(future.exception(), BrokenProcessPool):
                        yield from ((unit, None) for unit in running.values())
                        return
                    unit = running.pop(future)
                    yield unit, _outcome(unit, future, timeout)
        finally:
            pool.stop()


def judge_in_worker(judged: Judged, unit: Unit) -> Outcome:
    """Judge a unit in a process that was made for it; the process keeps the runtime for its next units."""
    return unit.judge(_runtime_of_this_process(judged.name, tuple(judged.options.items())), lambda _: None)


@lru_cache(maxsize=1)
def _runtime_of_this_process(name: str, options: tuple[tuple[str, str], ...]) -> Runtime:
    """Return the runtime, which is closed when the process ends; a worker process passes ``atexit`` by."""
    runtime = find_runtime(name, dict(options))
    Finalize(None, _close, args=(runtime,), exitpriority=0)
    return runtime


def _close(runtime: Runtime) -> None:
    """Close a runtime whose process is told to end; told so once more in the meantime, it goes on to close."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    runtime.close()


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _outcome(unit: Unit, future: Future[Outcome], timeout: float) -> Outcome:
    try:
        return future.result()
    except ProcessExpired as error:
        return ended_early(unit, RuntimeCrashError(f"the process ended with {_exit(error.exitcode)}"))
    except TimeoutError:
        return ended_early(unit, RuntimeHangError(f"no end after {timeout:g} s"))


def ended_early(unit: Unit, error: Exception) -> Outcome:
    """Return the outcome of a unit that the process of the runtime did not survive."""
    return Outcome((CaseResult(f"{unit.id}/process", "", "any", "", crashed(error)),))


def _exit(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
