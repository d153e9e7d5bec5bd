"""Fuzzing an operator: Hypothesis draws calls, and shrinks what fails, through the runtime, to a minimal tensor."""

from __future__ import annotations

import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from distilspec.conformance.cases.asking import Answer, ask, pose, undeclared
from distilspec.conformance.cases.call import Call
from distilspec.conformance.cases.operators import call_strategy
from distilspec.conformance.cases.reduce import reduced
from distilspec.conformance.check import formula_clause
from distilspec.conformance.result import FAILING, SHARES, CaseResult, Judgement, State, Unit
from distilspec.conformance.runtimes.adapter import Runtime
from distilspec.conformance.unit import Progress
from distilspec.reference.contract.errors import ContractError

#: A failure is shrunk by Hypothesis for so many calls of the runtime, or so many seconds.
SHRINKING_CALLS, SHRINKING_SECONDS = 150, 45.0

#: Then what is left is cut and cleared for so many more: 200 calls or 60 s together.
REDUCING_CALLS, REDUCING_SECONDS = 50, 15.0

#: An operator that fails in so many different ways is left alone.
MOST_FAILURES = 5

#: A larger share of examples that prove nothing makes the whole run prove nothing.
MOST_MISTRUSTED = 0.5

_NUMBERS = re.compile(r"\[[0-9, ]*\]|[-+]?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?")


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
    case_id = f"{operator}/fuzz/{seed}"
    progress(case_id)
    if not runtime.supports(operator):
        yield CaseResult(case_id, formula_clause(operator), "any", operator, undeclared(runtime, operator), (operator,))
        return
    fuzzer = _Fuzzer(runtime, operator, database)
    while fuzzer.hunt(f"{operator} {seed}", examples):
        progress(f"{case_id}-{len(fuzzer.failures)}")
    if not fuzzer.failures:
        yield CaseResult(case_id, formula_clause(operator), "any", operator, fuzzer.judgements.verdict(), (operator,))
    for number, failure in enumerate(fuzzer.failures, start=1):
        clause = _broken(failure.causes) or formula_clause(operator)
        judgement, evidence = fuzzer.confirmed(failure), failure.answer.evidence
        yield CaseResult(f"{case_id}-{number}", clause, "any", operator, judgement, (operator,), evidence)


class _FailedError(Exception):
    """The call fails in the way that is being shrunk."""


class _EnoughError(BaseException):
    """Shrinking has taken long enough; Hypothesis lets it pass because it is no ``Exception``."""


@dataclass
class _Failure:
    """
    One way in which a runtime fails: the smallest call that shows it, and the known bugs that explain all such calls.

    Where no known bug explains it, failures are the same if the same is said about them, apart from numbers and places.
    """

    call: Call
    answer: Answer
    causes: tuple[str, ...]
    examples: int = 0

    def is_that_of(self, answer: Answer) -> bool:
        """Return whether a failing answer shows the same failure."""
        if self.causes or answer.causes:
            return bool(set(self.causes) & set(answer.causes))
        return _wording(answer.judgement) == _wording(self.answer.judgement)

    def meet(self, call: Call, answer: Answer) -> None:
        """Take in another call that shows the failure."""
        self.causes = tuple(cause for cause in self.causes if cause in answer.causes)
        if call.size <= self.call.size:
            self.call, self.answer = call, answer


class _Fuzzer:
    """Asks a runtime about drawn calls, each of them once, and knows in which ways it has failed."""

    def __init__(self, runtime: Runtime, operator: str, database: Path | None) -> None:
        self.failures: list[_Failure] = []
        self.judgements = _Tally()
        self.failing = False
        self._runtime = runtime
        self._operator = operator
        self._database = _Keeping(database / _folder(runtime) / operator, self) if database is not None else None
        self._seen: dict[bytes, _Failure | None] = {}
        self._shrunk: _Failure | None = None
        self._calls = 0
        self._began = 0.0

    def hunt(self, seed: str, examples: int) -> bool:
        """Draw calls until one fails in a way not seen before, and shrink that; return whether to hunt again."""
        self._shrunk = None
        left = examples - self.judgements.examples
        hung = any(failure.answer.judgement.state is State.TIMEOUT for failure in self.failures)
        if left <= 0 or hung or len(self.failures) == MOST_FAILURES:
            return False

        # The settings stand first, because a seed takes the database away from the settings below it.
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
        @hypothesis.seed(int.from_bytes(hashlib.sha256(f"{seed} {len(self.failures)}".encode()).digest()[:8], "big"))
        @hypothesis.given(call_strategy(self._operator))
        def examine(call: Call) -> None:
            if self._fails(call):
                raise _FailedError

        # Otherwise the key is None where pytest was given --hypothesis-seed, and nothing is kept or found.
        vars(examine)["_hypothesis_internal_database_key"] = b"calls"
        with _seed_alone(), suppress(_FailedError, _EnoughError):
            examine()
        if self._shrunk is None:
            return False
        with suppress(_EnoughError):
            reduced(self._shrunk.call, self._still_fails)
        return True

    def confirmed(self, failure: _Failure) -> Judgement:
        """Return the verdict on a failure, with how often it was met and whether the smallest call always shows it."""
        judgement = failure.answer.judgement
        detail = f"{judgement.detail}; {failure.examples} of {self.judgements.examples} examples fail so"
        if judgement.state is not State.TIMEOUT:
            again = ask(self._runtime, pose(failure.call)).judgement.state
            if again is not judgement.state:
                detail += f"; asked again, the same call ends in {again}"
        return replace(judgement, detail=detail, cause="".join(failure.causes[:1]))

    def _still_fails(self, call: Call) -> bool:
        try:
            return self._fails(call, last_calls=REDUCING_CALLS, last_seconds=REDUCING_SECONDS)
        except ContractError:
            return False

    def _fails(self, call: Call, last_calls: int = 0, last_seconds: float = 0.0) -> bool:
        """Return whether a call fails in a new way, or in that which is being shrunk."""
        digest = call.digest()
        if digest not in self._seen:
            took = time.monotonic() - self._began
            if self._shrunk and (
                self._calls >= SHRINKING_CALLS + last_calls or took > SHRINKING_SECONDS + last_seconds
            ):
                raise _EnoughError
            self._seen[digest] = self._ask(call)
        failure = self._seen[digest]
        self.failing = failure is not None
        return failure is not None and failure is self._shrunk

    def _ask(self, call: Call) -> _Failure | None:
        question = pose(call)
        self._calls += 1
        answer, drawn = ask(self._runtime, question), self._shrunk is None
        if drawn:
            self.judgements.add(answer.judgement)
        if answer.judgement.state not in FAILING:
            return None
        failure = next((known for known in self.failures if known.is_that_of(answer)), None)
        if failure is None:
            failure = _Failure(call, answer, answer.causes)
            if drawn:
                self._shrunk, self._calls, self._began = failure, 0, time.monotonic()
                self.failures.append(failure)
        failure.meet(call, answer)
        failure.examples += drawn
        return failure


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


@contextmanager
def _seed_alone() -> Iterator[None]:
    """
    Let the seed alone say what is drawn.

    Hypothesis mixes in numbers from the source of modules that are imported and not installed, so that a seed would
    draw other calls in another process.
    """
    found = getattr(providers, "_get_local_constants", None)
    if found is None:  # a version without that
        yield
        return
    providers.CONSTANTS_CACHE.cache.clear()
    providers._get_local_constants = Constants
    try:
        yield
    finally:
        providers._get_local_constants = found
        providers.CONSTANTS_CACHE.cache.clear()


def _wording(judgement: Judgement) -> str:
    return f"{judgement.state} {_NUMBERS.sub('#', judgement.detail)}"


def _broken(causes: Sequence[str]) -> str:
    """Return the clauses that the first cause breaks, which ``explanations`` puts at its end in brackets."""
    return causes[0].rpartition("[")[2].removesuffix("]") if causes else ""


def _folder(runtime: Runtime) -> str:
    """Return a name of a folder for a runtime and what changes its numerics."""
    identity = hashlib.sha256(repr((runtime.name, sorted(runtime.options.items()))).encode()).hexdigest()
    return f"{re.sub('[^A-Za-z0-9._-]+', '-', runtime.name)[:40]}-{identity[:8]}"
