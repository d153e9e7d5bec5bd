"""Examining candidates: each is judged by the suite until a case rejects it, in worker processes."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pebble import ProcessExpired, ProcessPool

from distilspec.conformance.mutants.candidates import Candidate, own_candidates
from distilspec.conformance.mutants.foreign import read_candidates
from distilspec.conformance.mutants.suite import arranged, kind_of, suite
from distilspec.conformance.report.run import JUDGED, NOT_CONFORMANT, Run
from distilspec.conformance.result import FAILING, CaseResult
from distilspec.conformance.runtimes.adapter import Runtime, RuntimeCrashError, RuntimeHangError
from distilspec.conformance.runtimes.worker.words import ProtocolError
from distilspec.conformance.unit import Unit
from distilspec.reference.contract.errors import ContractError

#: What rejected a candidate, where it was no case: too few clauses judged, or the end of its process.
COVERAGE, PROCESS = "coverage", "process"

#: A candidate that takes more seconds hangs.
LONGEST = 900.0


@dataclass(frozen=True)
class Verdict:
    """
    What the suite said about a candidate.

    Parameters
    ----------
    found_by : str
        The kind of case that rejected it, ``coverage`` or ``process``; empty when nothing did.
    case, clause, detail : str
        Those of the case that rejected it.
    judged : bool
        Whether any case judged anything.
    unusable : str
        Why there is no runtime to judge; empty when there is one.
    """

    found_by: str = ""
    case: str = ""
    clause: str = ""
    detail: str = ""
    judged: bool = True
    unusable: str = ""


@dataclass(frozen=True)
class Source:
    """Where candidates come from, so that every process can find them: a folder, or the project itself."""

    folder: Path | None = None

    def candidates(self) -> tuple[Candidate, ...]:
        """Return them; the errors are those of ``read_candidates``."""
        return own_candidates() if self.folder is None else read_candidates(self.folder)


def examine(candidate: Candidate, units: Sequence[Unit]) -> Verdict:
    """Judge a candidate until a case rejects it, by the units that should do so first."""
    try:
        runtime = candidate.planted.runtime()
    except (RuntimeCrashError, RuntimeHangError, ProtocolError) as error:
        return Verdict(PROCESS, detail=str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - code of others may raise anything
        return Verdict(judged=False, unusable=_one_line(error))
    try:
        return _judge(runtime, arranged(units, candidate.operator))
    finally:
        runtime.close()


def examine_all(
    candidates: Sequence[Candidate], source: Source, seed: int, jobs: int
) -> Iterator[tuple[Candidate, Verdict]]:
    """
    Examine candidates of a source in ``jobs`` processes and yield each with its verdict as it comes.

    The longest begin, so that no process waits for another at the end. Every process makes the suite of the seed once.
    One that a candidate ends, or keeps for longer than ``LONGEST`` seconds, is replaced, and that is the verdict.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPool(max_workers=jobs, context=context, initializer=_leave_interrupts_to_the_parent) as pool:
        running: dict[Future[Verdict], Candidate] = {
            pool.schedule(_examine_by_name, args=(source, seed, candidate.name), timeout=LONGEST): candidate
            for candidate in sorted(candidates, key=lambda candidate: -candidate.cost)
        }
        try:
            for future in as_completed(running):
                yield running[future], _verdict(future)
        finally:
            pool.stop()


def _judge(runtime: Runtime, units: Sequence[Unit]) -> Verdict:
    seen: list[CaseResult] = []
    mandatory: set[str] = set()
    for unit in units:
        outcome = unit.judge(runtime, lambda _: None)
        for case in outcome.cases:
            if case.state in FAILING:
                return Verdict(kind_of(unit, case), case.id, case.clause, f"{case.state}: {case.judgement.detail}")
        seen += outcome.cases
        mandatory |= outcome.mandatory
    run = Run(runtime.name, runtime.version, runtime.options, "mutants", ("any",), tuple(seen), frozenset(mandatory))
    if run.exit_status == NOT_CONFORMANT:
        detail = f"{len(run.judged_clauses)} of {len(run.mandatory)} clauses could be judged"
        return Verdict(COVERAGE, detail=detail)
    return Verdict(judged=any(case.state in JUDGED for case in seen))


def _examine_by_name(source: Source, seed: int, name: str) -> Verdict:
    return examine(_by_name(source)[name], suite(seed))


@lru_cache(maxsize=1)
def _by_name(source: Source) -> dict[str, Candidate]:
    return {candidate.name: candidate for candidate in source.candidates()}


def _verdict(future: Future[Verdict]) -> Verdict:
    try:
        return future.result()
    except ProcessExpired as error:
        return Verdict(PROCESS, detail=f"CRASH: the process ended with exit status {error.exitcode}")
    except TimeoutError:
        return Verdict(PROCESS, detail=f"TIMEOUT: no end after {LONGEST:g} s")


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, ContractError) else f"{type(error).__name__}: {text}"
