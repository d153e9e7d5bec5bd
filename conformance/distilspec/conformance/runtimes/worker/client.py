"""``Worker``: a program that speaks the protocol, asked in terms of tensors, and started again after it ended."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any

from distilspec.conformance.runtimes.worker.capabilities import Capabilities, ProgramKind, read_capabilities
from distilspec.conformance.runtimes.worker.memo import Memo, Tensors
from distilspec.conformance.runtimes.worker.process import LONGEST_LINE, WorkerProcess
from distilspec.conformance.runtimes.worker.tensor_files import read_tensors, write_tensors
from distilspec.conformance.runtimes.worker.words import ProtocolError, WorkerError, parse_line, printable
from distilspec.reference.contract.errors import ContractError, UnsupportedError
from distilspec.reference.contract.types import Attribute

#: A worker that failed to start so often in a row is not started again.
MOST_FAILED_STARTS = 3

#: Bytes of answers that are remembered.
MOST_REMEMBERED = 2**28

_QUIT = b'{"do":"quit"}\n'


@dataclass(frozen=True, eq=False)
class HandedProgram:
    """A program in the form that a worker takes; ``write`` makes a file or folder of it."""

    kind: ProgramKind
    write: Callable[[Path], None]
    number: int = field(default_factory=count(1).__next__)


class Worker:
    """
    A worker that is running whenever it is asked something.

    Its process ends by itself, or because it did not answer in time or broke the protocol; the next request starts
    another. Each request has a folder of its own for its tensors, which is gone when it is answered.
    """

    def __init__(self, command: Sequence[str], *, timeout: float, environment: Mapping[str, str]) -> None:
        """
        Start ``command`` and read what it can do.

        Raises
        ------
        RuntimeMissingError, RuntimeCrashError, RuntimeHangError, ProtocolError
            It cannot be started, or does not say what it can do.
        """
        self._command = command
        self._timeout = timeout
        self._environment = environment
        self._running: list[WorkerProcess] = []
        self._folder = Path(tempfile.mkdtemp(prefix="distilspec-"))
        self._free = weakref.finalize(self, _free, self._running, self._folder, os.getpid())
        self._numbers = count(1)
        self._failures: list[ContractError] = []
        self._loaded: HandedProgram | None = None
        self._memo = Memo(MOST_REMEMBERED)
        try:
            self.capabilities = self._start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the process and remove its folder; the worker is of no use afterwards."""
        self._free()

    def apply(self, op: str, operands: Tensors, attributes: Mapping[str, Attribute], outputs: Sequence[str]) -> Tensors:
        """Return the results ``outputs`` of an operator; the arrays cannot be written into."""
        request = {"do": "apply", "op": op, **{f"attribute.{name}": value for name, value in attributes.items()}}
        return self._tensors(request, operands, outputs, f"apply {op}")

    def load(self, program: HandedProgram) -> Mapping[str, Any]:
        """Hand over a program, and return what the worker says besides that it succeeded."""
        self._loaded = None
        with self._folder_of_a_request() as folder:
            program.write(folder / "program")
            request = {"do": "load", "folder": str(folder), "program": program.kind, "file": "program"}
            answer = self._ask(request, "load a program")
        self._loaded = program
        return answer

    def run(self, program: HandedProgram, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """Return tensors of a program, which is loaded if it is not; the arrays cannot be written into."""
        return self._tensors({"do": "run"}, inputs, outputs, "run the program", program)

    def _tensors(
        self,
        request: Mapping[str, Any],
        inputs: Tensors,
        outputs: Sequence[str],
        about: str,
        program: HandedProgram | None = None,
    ) -> Tensors:
        def ask() -> Tensors:
            if program is not None and self._loaded is not program:
                self.load(program)
            with self._folder_of_a_request() as folder:
                named = write_tensors(folder, inputs)
                answer = self._ask({**request, "folder": str(folder), **named, "outputs": list(outputs)}, about)
                return read_tensors(folder, answer, outputs)

        number = 0 if program is None else program.number
        return self._memo.answer(_question([request, list(outputs), number], inputs), ask)

    def _ask(self, request: Mapping[str, Any], about: str) -> dict[str, Any]:
        """Send a request and return the keys of its answer, if that is a success, without those that every one has."""
        number = next(self._numbers)
        line = _line({"id": number, **request}, about)
        if not self._running:
            self._start_again()
        process = self._running[0]
        try:
            answer = parse_line(process.exchange(line, about), f"its answer to {about!r}")
            if answer.pop("id", None) != number:
                raise ProtocolError(f"worker: its answer to {about!r} has another id; expected {number}")
        except BaseException:
            process.kill()
            self._running.clear()
            self._loaded = None
            raise
        status, detail = answer.pop("status", None), printable(str(answer.pop("detail", "")))
        if status == "unsupported":
            raise UnsupportedError(f"worker: it cannot {about}: {detail}")
        if status == "error":
            raise WorkerError(f"worker: it failed to {about}: {detail}")
        if status != "ok":
            raise ProtocolError(f"worker: its status is {status!r:.60}; expected ok, unsupported or error")
        return answer

    def _start(self) -> Capabilities:
        process = WorkerProcess(self._command, timeout=self._timeout, environment=self._environment)
        self._running.append(process)
        try:
            return read_capabilities(process.exchange(b"", "say what it can do"))
        except BaseException:
            process.kill()
            self._running.clear()
            raise

    def _start_again(self) -> None:
        if len(self._failures) == MOST_FAILED_STARTS:
            last = self._failures[-1]
            raise type(last)(f"{last} (the last of {MOST_FAILED_STARTS} starts that failed)")
        try:
            capabilities = self._start()
        except ContractError as error:
            self._failures.append(error)
            raise
        self._failures.clear()
        if capabilities != self.capabilities:
            raise ProtocolError(
                f"worker: after a restart it says that it is {capabilities}; expected {self.capabilities} as before"
            )

    @contextmanager
    def _folder_of_a_request(self) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _line(request: Mapping[str, Any], about: str) -> bytes:
    try:
        line = json.dumps(request, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    except ValueError:
        raise UnsupportedError(
            f"worker: the request to {about} has an attribute that JSON lacks; expected a finite one"
        ) from None
    if len(line) > LONGEST_LINE:
        raise UnsupportedError(f"worker: the request to {about} has {len(line)} bytes; expected at most {LONGEST_LINE}")
    return line


def _question(request: list[Any], inputs: Tensors) -> bytes:
    question = blake2b(json.dumps(request).encode(), digest_size=16)
    for name, tensor in inputs.items():
        question.update(f"{name} {tensor.dtype} {tensor.shape};".encode())
        question.update(tensor.tobytes())
    return question.digest()


def _free(running: list[WorkerProcess], folder: Path, owner: int) -> None:
    if os.getpid() != owner:  # a fork has no business with its parent's worker
        return
    while running:
        running.pop().end(_QUIT)
    shutil.rmtree(folder, ignore_errors=True)
