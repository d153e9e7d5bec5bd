"""Carrying out units of work on an existing Dask cluster. Needs ``pip install 'distilspec[dask]'``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from uuid import uuid4

from distributed import Client, Future, KilledWorker, as_completed

from distilspec.conformance.execute import Finished, Judged, ended_early, judge_in_worker
from distilspec.conformance.runtimes.adapter import RuntimeCrashError, RuntimeHangError
from distilspec.conformance.unit import Outcome, Unit
from distilspec.reference.contract.errors import UnsupportedError

#: The scheduler must answer within so many seconds.
SECONDS_TO_CONNECT = 10


def execute_on_dask(units: Iterable[Unit], judged: Judged, *, address: str, timeout: float) -> Iterator[Finished]:
    """
    Judge units on the workers of the cluster at ``address`` and yield them as they end.

    A unit whose worker is lost is started again elsewhere; one that loses worker after worker is judged once more when
    nothing else runs, and is a CRASH if it loses them then. When no unit ends for ``timeout`` seconds, all that run are
    TIMEOUTs.

    Raises
    ------
    UnsupportedError
        No scheduler answers at ``address``.
    """
    with _connected(address) as client:
        waiting = iter(units)
        most = 2 * max(1, sum(client.nthreads().values()))
        futures = {_submit(client, judged, unit): unit for unit in islice(waiting, most)}
        ending = as_completed(futures, loop=client.loop, timeout=timeout)
        suspects: list[Unit] = []
        try:
            for future in ending:
                unit = futures.pop(future)
                try:
                    yield unit, future.result()
                except KilledWorker:
                    suspects.append(unit)
                for following in islice(waiting, 1):
                    added = _submit(client, judged, following)
                    futures[added] = following
                    ending.add(added)
        except TimeoutError:
            for future, unit in futures.items():
                future.cancel()
                yield unit, ended_early(unit, RuntimeHangError(f"no unit ended within {timeout:g} s"))
        for unit in suspects:
            yield unit, _judged_alone(client, judged, unit, timeout)


def _judged_alone(client: Client, judged: Judged, unit: Unit, timeout: float) -> Outcome:
    """Judge a unit that lost its workers while nothing else runs, because the culprit may have been another unit."""
    try:
        outcome: Outcome = _submit(client, judged, unit).result(timeout=timeout)
    except KilledWorker as error:
        return ended_early(unit, RuntimeCrashError(str(error).splitlines()[0]))
    except TimeoutError:
        return ended_early(unit, RuntimeHangError(f"no end after {timeout:g} s"))
    return outcome


def _connected(address: str) -> Client:
    try:
        return Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        line = str(error).splitlines()[0]
        raise UnsupportedError(f"dask: {address}: {line}; expected the address of a scheduler that runs") from None


def _submit(client: Client, judged: Judged, unit: Unit) -> Future[Outcome]:
    return client.submit(judge_in_worker, judged, unit, key=f"{unit.id}-{uuid4()}")
