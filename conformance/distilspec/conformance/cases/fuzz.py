"""Fuzzing an operator: Hypothesis draws calls, and shrinks what fails, through the runtime, to a minimal tensor."""

from __future__ import annotations

import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

from distilspec.conformance.cases.asking import Answer, ask, pose
from distilspec.conformance.cases.call import Call
from distilspec.conformance.cases.operators import call_strategy
from distilspec.conformance.check import formula_clause
from distilspec.conformance.result import FAILING, SHARES, CaseResult, Judgement, State, Unit
from distilspec.conformance.runtimes.adapter import Runtime
from distilspec.conformance.unit import Progress

#: A failure is shrunk by so many questions to the runtime at most, and for so many seconds.
SHRINKING_CALLS, SHRINKING_SECONDS = 200, 60.0

#: An operator that fails in so many different ways is left alone.
MOST_FAILURES = 5

#: A larger share of examples that prove nothing makes the whole run prove nothing.
MOST_MISTRUSTED = 0.5

_NUMBER = re.compile(r"[-+]?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?")


def fuzz_operator(
    runtime: Runtime,
    operator: str,
    *,
    seed: int,
    examples: int,
    database: Path | None = None,
    progress: Progress = lambda _: None,
) -> Iterator[CaseResult]:
    """
    Judge a runtime on drawn calls of an operator.

    Every kind of failure becomes a result with the smallest call that shows it: ``OPERATOR/fuzz/SEED-1`` and on. Where
    nothing fails there is one result, ``OPERATOR/fuzz/SEED``, that says how many examples there were and how many of
    them proved nothing. A runtime that hangs is asked no more once the call that makes it hang has been shrunk.

    Parameters
    ----------
    runtime : Runtime
    operator : str
        One of ``cases.operators.OPERATORS``.
    seed : int
        The same seed draws the same calls.
    examples : int
        How many different calls to ask about at most, shrinking aside.
    database : Path, optional
        A folder in which failures are kept as soon as they are seen, one apart for each runtime with its options and
        for each operator; what is kept there is asked first.
    progress : callable
    """
    progress(f"{operator}/fuzz/{seed}")
    fuzzer = _Fuzzer(runtime, operator, database)
    while len(fuzzer.failures) < MOST_FAILURES and fuzzer.hunt(f"{operator} {seed}", examples):
        case_id = f"{operator}/fuzz/{seed}-{len(fuzzer.failures)}"
        progress(case_id)
        failure = fuzzer.latest
        clause = _broken(failure.answer.judgement.cause) or formula_clause(operator)
        judgement = fuzzer.explained(failure)
        yield CaseResult(case_id, clause, "any", operator, judgement, (operator,), failure.answer.evidence)
        if judgement.state is State.TIMEOUT:
            break
    if not fuzzer.failures:
        clause = formula_clause(operator)
        yield CaseResult(f"{operator}/fuzz/{seed}", clause, "any", operator, fuzzer.summary(), (operator,))


class _FailedError(Exception):
    """The call fails in the way that is being shrunk."""


class _EnoughError(BaseException):
    """Shrinking has taken long enough; Hypothesis lets it pass because it is no ``Exception``."""


@dataclass
class _Failure:
    """The smallest call that fails in one way."""

    kind: str
    call: Call
    answer: Answer


class _Fuzzer:
    """Asks a runtime about drawn calls, each of them once, and knows in which ways it has failed."""

    def __init__(self, runtime: Runtime, operator: str, database: Path | None) -> None:
        self.failures: dict[str, _Failure] = {}
        self.failing = False
        self._runtime = runtime
        self._operator = operator
        self._database = _Keeping(database / _folder(runtime) / operator, self) if database is not None else None
        self._kinds: dict[bytes, str] = {}
        self._judgements = _Tally()
        self._counts: Counter[str] = Counter()
        self._sought = ""
        self._shrinking_since = 0.0
        self._shrinking_calls = 0

    @property
    def latest(self) -> _Failure:
        """Return the failure that the last hunt found."""
        return self.failures[self._sought]

    def hunt(self, seed: str, examples: int) -> bool:
        """Draw calls until one fails in a way not seen before, and shrink that; return whether there was one."""
        left = examples - self._judgements.examples
        if left <= 0:
            return False
        self._sought = ""

        @hypothesis.seed(int.from_bytes(hashlib.sha256(f"{seed} {len(self.failures)}".encode()).digest()[:8], "big"))
        @hypothesis.settings(
            max_examples=left,
            database=self._database,
            phases=(Phase.reuse, Phase.generate, Phase.shrink),
            deadline=None,
            derandomize=False,
            report_multiple_bugs=False,
            print_blob=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(call_strategy(self._operator))
        def examine(call: Call) -> None:
            self._examine(call)

        try:
            examine()
        except (_FailedError, _EnoughError):
            return True
        return False

    def explained(self, failure: _Failure) -> Judgement:
        """Return the verdict on a failure, with how often it was met and whether it is met every time."""
        judgement = failure.answer.judgement
        detail = f"{judgement.detail}; {self._counts[failure.kind]} of {self._judgements.examples} examples fail so"
        if judgement.state is not State.TIMEOUT:
            again = ask(self._runtime, pose(failure.call)).judgement
            if again.state is not judgement.state:
                detail += f"; asked again, the same call ends in {again.state}"
        return replace(judgement, detail=detail)

    def summary(self) -> Judgement:
        """Return the verdict on all examples, of which none failed."""
        return self._judgements.verdict()

    def _examine(self, call: Call) -> None:
        digest = call.digest()
        if digest not in self._kinds:
            self._kinds[digest] = self._ask(call)
        kind = self._kinds[digest]
        self.failing = bool(kind)
        if kind and kind == self._sought:
            raise _FailedError

    def _ask(self, call: Call) -> str:
        """Return in which way the runtime fails, or an empty string."""
        if self._sought:
            self._shrinking_calls += 1
            took = time.monotonic() - self._shrinking_since
            if self._shrinking_calls > SHRINKING_CALLS or took > SHRINKING_SECONDS:
                raise _EnoughError
        answer = ask(self._runtime, pose(call))
        kind = self._kind(answer)
        if not self._sought:
            self._judgements.add(answer.judgement)
            self._counts[kind] += 1
        if kind and not self._sought and kind not in self.failures:
            self._sought, self._shrinking_since, self._shrinking_calls = kind, time.monotonic(), 0
            self.failures[kind] = _Failure(kind, call, answer)
        if kind in self.failures and call.size <= self.failures[kind].call.size:
            self.failures[kind] = _Failure(kind, call, answer)
        return kind

    def _kind(self, answer: Answer) -> str:
        """Return what makes two failures the same: their cause, or what is said about them apart from numbers."""
        if answer.judgement.state not in FAILING:
            return ""
        if answer.causes:
            known = [] if self._sought else [cause for cause in answer.causes if cause in self.failures]
            return (known or answer.causes)[0]
        return f"{answer.judgement.state} {_NUMBER.sub('#', answer.judgement.detail)}"


class _Tally:
    """What the judgements of many examples say together."""

    def __init__(self) -> None:
        self._states: Counter[State] = Counter()
        self._reason = ""
        self._worst = Judgement(Unit.EXACT, State.PASS, 0.0, 0.0)
        self._largest = self._bias = 0.0
        self._shares = [0] * (len(SHARES) + 1)

    @property
    def examples(self) -> int:
        """Return how many there were."""
        return self._states.total()

    def add(self, judgement: Judgement) -> None:
        """Count one example."""
        self._states[judgement.state] += 1
        if judgement.state is State.UNSUPPORTED:
            self._reason = judgement.detail
        if judgement.state not in (State.PASS, State.MISTRUSTED):
            return
        if (judgement.bound_used, judgement.unit) >= (self._worst.bound_used, self._worst.unit):
            self._worst = judgement
        self._largest = max(self._largest, judgement.max_error)
        self._bias += judgement.bias
        for place, count in enumerate(judgement.shares):
            self._shares[place] += count

    def verdict(self) -> Judgement:
        """Return the verdict on all examples, of which none failed."""
        total, mistrusted, unsupported = self.examples, self._states[State.MISTRUSTED], self._states[State.UNSUPPORTED]
        if unsupported == total:
            return Judgement(Unit.EXACT, State.UNSUPPORTED, 0.0, 0.0, self._reason)
        judged = total - unsupported
        parts = [f"{judged} examples"]
        if mistrusted:
            parts.append(f"{mistrusted} of them prove nothing")
        if unsupported:
            parts.append(f"{unsupported} more are unsupported: {self._reason}")
        return Judgement(
            self._worst.unit,
            State.MISTRUSTED if mistrusted > MOST_MISTRUSTED * judged else State.PASS,
            self._largest,
            self._worst.bound_used,
            ", ".join(parts),
            self._bias / judged,
            shares=tuple(self._shares),
        )


class _Keeping(ExampleDatabase):
    """
    A folder of examples from which none is removed that still fails.

    Hypothesis removes what does not fail the search at hand, and that is looking for failures of a kind not known yet.
    """

    def __init__(self, folder: Path, fuzzer: _Fuzzer) -> None:
        super().__init__()
        self._stored = DirectoryBasedExampleDatabase(folder)
        self._fuzzer = fuzzer

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """Return the examples under a key."""
        return self._stored.fetch(key)

    def save(self, key: bytes, value: bytes) -> None:
        """Keep an example."""
        self._stored.save(key, value)

    def delete(self, key: bytes, value: bytes) -> None:
        """Remove an example, unless it has just failed."""
        if not self._fuzzer.failing:
            self._stored.delete(key, value)

    def move(self, src: bytes, dest: bytes, value: bytes) -> None:
        """Keep an example under another key."""
        self._stored.move(src, dest, value)


def _broken(cause: str) -> str:
    """Return the clauses that a known cause breaks, as ``diagnose`` puts them at its end."""
    return cause.rpartition("[")[2].removesuffix("]")


def _folder(runtime: Runtime) -> str:
    """Return a name of a folder for a runtime and what changes its numerics."""
    identity = hashlib.sha256(repr((runtime.name, sorted(runtime.options.items()))).encode()).hexdigest()
    return f"{re.sub('[^A-Za-z0-9._-]+', '-', runtime.name)[:40]}-{identity[:8]}"
