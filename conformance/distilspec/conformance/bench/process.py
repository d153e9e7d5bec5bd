"""``Process``: one runtime in a process of its own, with processors of its own, asked to take its turns."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distilspec.conformance.bench import foreign
from distilspec.conformance.bench.conversation import pack, unpack
from distilspec.conformance.bench.peers import ENVIRONMENTS, Peer, worker_of
from distilspec.conformance.result import State
from distilspec.reference.contract.types import Array

#: Variables by which libraries choose their number of threads, read when they are imported.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "DISTILSPEC_THREADS",
)  # fmt: skip

#: Seconds that a runtime has to load a model (compiling one takes minutes), or to take a turn.
LONGEST_WAIT = 900.0

#: Exceptions that say that a runtime does not do what it is asked for.
_UNSUPPORTED = ("UnsupportedError", "Unsupported")

_LONGEST_DETAIL = 200


class PeerError(Exception):
    """A runtime did not do what it was asked for; ``state`` says in which way."""

    def __init__(self, state: State, detail: str) -> None:
        """Say what happened."""
        super().__init__(detail)
        self.state = state


class Process:
    """
    A runtime's process; it ends at the end of a ``with`` statement. One that has crashed is started again by ``load``.

    Attributes
    ----------
    threads : int
        How many it has.
    version : str
        What a runtime of another environment says of itself; empty for others, and before it has loaded a model.
    """

    def __init__(self, peer: Peer, threads: int, processors: Sequence[int]) -> None:
        """Start it on these processors."""
        self.peer = peer
        self.version = ""
        self.threads = threads
        self._processors = ",".join(map(str, processors))
        self._start()

    def _start(self) -> None:
        self._connection, other = multiprocessing.Pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        peer = self.peer
        if peer.is_foreign:
            interpreter = ENVIRONMENTS[peer.loader].interpreter()
            command = [
                str(interpreter), str(Path(foreign.__file__)), str(other.fileno()), str(worker_of(peer)),
                self._processors,
            ]  # fmt: skip
        else:
            command = [
                sys.executable, "-m", "distilspec.conformance.bench.worker", str(other.fileno()), peer.loader,
                self._processors, str(self.threads), json.dumps(dict(peer.options)),
            ]  # fmt: skip
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(self.threads))},
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            pass_fds=(other.fileno(),),
        )
        other.close()
        self._is_ready = False

    def load(self, source: str, inputs: Mapping[str, Array]) -> None:
        """Let it load a model for these inputs and run it once; ``PeerError`` if it cannot."""
        if self._is_ready and self._process.poll() is not None:
            self.close()
            self._start()
        if not self._is_ready:
            self.version = self._answer()
            self._is_ready = True
        self._ask("load", source, pack(inputs))

    def outputs(self) -> Mapping[str, Array]:
        """Return what the model computes."""
        return unpack(self._ask("outputs"))

    def turn(self, warm: int, count: int) -> list[float]:
        """Return the seconds of ``count`` forwards, which follow ``warm`` others."""
        times: list[float] = self._ask("turn", warm, count)
        return times

    def begin_window(self, start: float, stop: float) -> None:
        """Let it run from ``start`` until ``stop`` of the monotonic clock, without waiting for it."""
        self._send("window", start, stop)

    def end_window(self) -> list[tuple[float, float]]:
        """Return when each forward of the window began and ended."""
        times: list[tuple[float, float]] = self._answer()
        return times

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, *request: Any) -> Any:
        self._send(*request)
        return self._answer()

    def _send(self, *request: Any) -> None:
        try:
            self._connection.send(request)
        except OSError:
            raise self._crashed() from None

    def _answer(self) -> Any:
        try:
            if not self._connection.poll(LONGEST_WAIT):
                self._process.kill()
                raise PeerError(State.TIMEOUT, f"no answer in {LONGEST_WAIT:g} s")
            kind, value = self._connection.recv()
        except (EOFError, OSError):
            raise self._crashed() from None
        if kind == "done":
            return value
        state = State.UNSUPPORTED if kind in _UNSUPPORTED else State.ERROR
        raise PeerError(state, f"{kind}: {value}"[:_LONGEST_DETAIL])

    def _crashed(self) -> PeerError:
        """Return the error that says how the process ended, with the last line that it printed."""
        status = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "nothing printed")
        ended = f"signal {-status}" if status < 0 else f"exit status {status}"
        return PeerError(State.CRASH, f"{ended}: {last}"[:_LONGEST_DETAIL])
