"""A process that is sent lines and answers with lines, each within a time limit."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import IO, cast

from distilspec.conformance.runtimes.adapter import RuntimeCrashError, RuntimeHangError, RuntimeMissingError
from distilspec.conformance.runtimes.worker.words import LONGEST_QUOTE, ProtocolError, printable

#: No line is longer, in bytes, with its newline.
LONGEST_LINE = 2**20

#: A worker that was told to quit, or closed its standard output, has so many seconds to end by itself.
SECONDS_TO_END = 1.0

_CHUNK = 2**16
_KEPT_OF_STDERR = 2**12


class WorkerProcess:
    """
    A running command, in a process group of its own.

    Its standard error is read while an answer is awaited, so that a talkative worker never blocks, and its end is kept.
    Once ``exchange`` has raised, the process is gone.
    """

    def __init__(self, command: Sequence[str], *, timeout: float, environment: Mapping[str, str]) -> None:
        """
        Start ``command``.

        Raises
        ------
        RuntimeMissingError
            There is no such program, or it cannot be executed.
        """
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise RuntimeMissingError(
                f"worker: {command[0]!r:.200} cannot be started: {error.strerror}; "
                "expected a program that can be started"
            ) from None
        self._stdin, self._stdout, self._stderr = (
            cast("IO[bytes]", stream) for stream in (self._process.stdin, self._process.stdout, self._process.stderr)
        )
        self._timeout = timeout
        self._unsent = b""
        self._said = bytearray()
        self._complaints = bytearray()
        self._gone = False
        self._selector = selectors.DefaultSelector()
        for stream in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(stream.fileno(), False)
        for stream in (self._stdout, self._stderr):
            self._selector.register(stream, selectors.EVENT_READ)

    def exchange(self, line: bytes, about: str) -> bytes:
        """
        Send ``line``, which is empty when nothing is asked, and return the next line that the worker writes.

        Raises
        ------
        RuntimeCrashError
            The process ended, or closed its standard output.
        RuntimeHangError
            No complete line came in time.
        ProtocolError
            The worker wrote before it was asked, or a line without end.
        """
        try:
            return self._exchange(line, about)
        except BaseException:
            self.kill()
            raise

    def end(self, farewell: bytes) -> None:
        """Send a last line, wait a moment for the process to end by itself, and free everything."""
        with contextlib.suppress(OSError):
            self._stdin.write(farewell)
        self._stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_END)
        self.kill()

    def kill(self) -> None:
        """Kill the process with all of its group, and free everything."""
        if self._gone:
            return
        self._gone = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._selector.close()
        for stream in (self._stdin, self._stdout, self._stderr):
            stream.close()

    def _exchange(self, line: bytes, about: str) -> bytes:
        deadline = time.monotonic() + self._timeout
        if line:
            self._expect_silence(about)
            self._unsent = line
            self._selector.register(self._stdin, selectors.EVENT_WRITE)
        while (end := self._said.find(b"\n")) < 0 and len(self._said) < LONGEST_LINE:
            ready = self._selector.select(deadline - time.monotonic())
            if time.monotonic() >= deadline:
                raise self._hang(about)
            for stream in (key.fileobj for key, _ in ready):
                if stream is self._stdin:
                    self._send()
                elif stream is self._stderr:
                    self._listen()
                elif not self._hear(self._stdout, self._said):
                    raise self._crash(about)
        if not 0 <= end < LONGEST_LINE:
            raise ProtocolError(
                f"worker: wrote a line of more than {LONGEST_LINE} bytes that begins {printable(self._beginning())!r} "
                f"when it was asked to {about}; expected a shorter one"
            )
        if self._unsent:
            raise ProtocolError(
                f"worker: answered before it had read the whole request when it was asked to {about}; "
                "expected an answer to the request"
            )
        answer = bytes(self._said[:end])
        del self._said[: end + 1]
        return answer

    def _expect_silence(self, about: str) -> None:
        with contextlib.suppress(BlockingIOError):
            self._hear(self._stdout, self._said)
        if self._said:
            raise ProtocolError(
                f"worker: wrote {printable(self._beginning())!r} before it was asked to {about}; "
                "expected one line for each request and nothing else on standard output"
            )

    def _send(self) -> None:
        """Write what the pipe takes; a worker that reads no more has nothing left to be sent."""
        try:
            self._unsent = self._unsent[os.write(self._stdin.fileno(), self._unsent) :]
        except BrokenPipeError:
            self._unsent = b""
        if not self._unsent:
            self._selector.unregister(self._stdin)

    def _listen(self) -> None:
        """Keep the end of what the worker complains about."""
        if not self._hear(self._stderr, self._complaints):
            self._selector.unregister(self._stderr)
        del self._complaints[:-_KEPT_OF_STDERR]

    @staticmethod
    def _hear(stream: IO[bytes], heard: bytearray) -> bool:
        """Append what the worker has written; False says that it has closed the stream."""
        chunk = os.read(stream.fileno(), _CHUNK)
        heard += chunk
        return bool(chunk)

    def _hang(self, about: str) -> RuntimeHangError:
        return RuntimeHangError(
            f"worker: no answer within {self._timeout:g} s when it was asked to {about}{self._half_a_line()}; "
            f"expected one{self._last_words()}"
        )

    def _crash(self, about: str) -> RuntimeCrashError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_END)
        with contextlib.suppress(BlockingIOError):
            self._hear(self._stderr, self._complaints)
        return RuntimeCrashError(
            f"worker: {_how_it_ended(self._process.returncode)} when it was asked to {about}{self._half_a_line()}; "
            f"expected an answer{self._last_words()}"
        )

    def _half_a_line(self) -> str:
        return f" after {printable(self._beginning())!r} without a newline" if self._said else ""

    def _beginning(self) -> bytes:
        return bytes(self._said[: 4 * LONGEST_QUOTE])

    def _last_words(self) -> str:
        lines = [line for line in bytes(self._complaints).splitlines() if printable(line)]
        return f"; the last line of its standard error is {printable(lines[-1])!r}" if lines else ""


def _how_it_ended(status: int | None) -> str:
    if status is None:
        return "closed its standard output"
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"ended by signal {signal.Signals(-status).name}"
    except ValueError:
        return f"ended by signal {-status}"
