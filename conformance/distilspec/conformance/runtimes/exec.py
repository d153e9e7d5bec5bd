"""Any program as a runtime, over the subprocess protocol of ``docs/protocol.md``."""

from __future__ import annotations

import inspect
import os
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from distilspec.conformance.runtimes.adapter import Executable, Runtime, RuntimeMissingError, as_float32, expect_known
from distilspec.conformance.runtimes.worker.capabilities import ProgramKind
from distilspec.conformance.runtimes.worker.client import HandedProgram, Worker
from distilspec.conformance.runtimes.worker.words import ProtocolError
from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError, errors_about
from distilspec.reference.contract.types import Array, Attribute, TensorSpec
from distilspec.reference.formats.saved import save_program
from distilspec.reference.program import Program

if TYPE_CHECKING:
    from distilspec.conformance.runtimes.onnx_source import OnnxSource

#: The variable of a worker's environment that holds the number of threads it may use.
THREADS = "DISTILSPEC_THREADS"


class ExecRuntime(Runtime):
    """
    Runs programs in a process that speaks the protocol.

    Options: ``timeout``, the seconds that a worker has to start and to answer, and ``threads``, which a worker finds in
    the variable ``DISTILSPEC_THREADS`` of its environment.
    """

    def __init__(self, command: str, options: Mapping[str, str]) -> None:
        """
        Start ``command``, which is split as a shell would, without a shell, and ask it what it can do.

        Raises
        ------
        RangeError
            The command is empty or has a quotation without end, or an option is unknown or no number.
        RuntimeMissingError
            There is no such program, or the worker takes ONNX and the package ``onnx`` is not installed.
        RuntimeCrashError, RuntimeHangError, ProtocolError
            The worker does not say what it can do.
        """
        self.name = f"exec:{command}"
        expect_known(self.name, options, ("timeout", "threads"))
        self.options = {"timeout": "10", "threads": "1", **options}
        self._command = command
        self._worker = Worker(
            _split(command),
            timeout=_seconds(self.name, self.options["timeout"]),
            environment={**os.environ, THREADS: _count(self.name, self.options["threads"])},
        )
        said = self._worker.capabilities
        self.version = f"{said.name} {said.version}"
        self.recipes = dict.fromkeys(said.recipes, "the program as it is written")
        expressible = _expressible(said.program)
        self._operators = expressible if said.ops is None else said.ops

    def supports(self, op: str) -> bool:
        """Return whether the worker's first line has the operator."""
        return op in self._operators

    def load(self, program: Program) -> Executable:
        """Hand the program over in the form that the worker takes, or keep it to apply its operators one by one."""
        said = self._worker.capabilities
        if said.program is ProgramKind.NONE:
            return StepwiseExecutable(self._worker, program)
        if said.program is ProgramKind.DISTILSPEC:
            return SavedExecutable(self._worker, program)
        from distilspec.conformance.runtimes.onnx_source import WrittenOnnx

        return OnnxExecutable(self._worker, WrittenOnnx(program, said.opset))

    def load_onnx(self, path: Path, program: Program) -> Executable:
        """Hand over a user's model, with its external data inside, if the worker takes ONNX."""
        if self._worker.capabilities.program is not ProgramKind.ONNX:
            return super().load_onnx(path, program)
        from distilspec.conformance.runtimes.onnx_source import UserOnnx

        return OnnxExecutable(self._worker, UserOnnx(path, program))

    def with_threads(self, threads: int) -> ExecRuntime | None:
        """Return another worker that was told another number, if it says that it heeds it."""
        if not self._worker.capabilities.threads:
            return None
        return ExecRuntime(self._command, {**self.options, "threads": str(threads)})

    def close(self) -> None:
        """End the worker."""
        self._worker.close()


class StepwiseExecutable(Executable):
    """A program whose operators a worker applies one by one; every tensor can be shown."""

    def __init__(self, worker: Worker, program: Program) -> None:
        """Keep ``program``."""
        self._worker = worker
        self._program = program

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs."""
        return self.run_exposed(inputs, ())

    def survivors(self) -> tuple[str, ...]:
        """Return every tensor that a step makes."""
        return tuple(self._program.tensors)

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Return the outputs and the tensors ``expose``."""
        return self._program.run(_RemoteOperators(self._worker, self._program, inputs), inputs, keep=expose)


class SavedExecutable(Executable):
    """A program that a worker loaded from our saved form."""

    def __init__(self, worker: Worker, program: Program) -> None:
        """Let the worker load ``program``."""
        self._worker = worker
        self._program = program
        self._handed = HandedProgram(ProgramKind.DISTILSPEC, partial(save_program, program))
        kept = _kept(worker, self._handed, tuple(program.tensors))
        self._survivors = tuple(name for name in program.tensors if name in {*kept, *program.outputs.values()})

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs."""
        return self.run_exposed(inputs, ())

    def survivors(self) -> tuple[str, ...]:
        """Return what the worker can show, which is nothing but the outputs unless it says so."""
        return self._survivors

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Return the outputs and the tensors ``expose``."""
        program = self._program
        given = {name: as_float32(array) for name, array in program.checked(inputs).items()}
        wanted = dict.fromkeys(name for name in (*program.outputs.values(), *expose) if name in program.tensors)
        values = {**program.constants, **given, **self._worker.run(self._handed, given, tuple(wanted))}
        return {label: values[name] for label, name in program.outputs.items()} | {
            name: values[name] for name in expose
        }


class OnnxExecutable(Executable):
    """A model that a worker loaded from an ONNX file; tensors are shown by making them outputs of another model."""

    def __init__(self, worker: Worker, source: OnnxSource) -> None:
        """Let the worker load the model of ``source``."""
        self._worker = worker
        self._source = source
        self._plain = self._handed(())
        kept = _kept(worker, self._plain, tuple(source.tensors.values()))
        shown = {name for name, in_graph in source.tensors.items() if in_graph in kept}
        shown |= set(source.program.outputs.values())
        self._survivors = tuple(name for name in source.program.tensors if name in shown)
        self._exposed: tuple[tuple[str, ...], HandedProgram] = ((), self._plain)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model in which nothing is shown."""
        return self._run(self._plain, inputs, ())

    def survivors(self) -> tuple[str, ...]:
        """Return what the worker can show, which is nothing but the outputs unless it says so."""
        return self._survivors

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Run a model in which ``expose`` are outputs; the last such model is kept."""
        labels = {tensor: label for label, tensor in self._source.program.outputs.items()}
        shown = tuple(name for name in expose if name not in labels)
        if self._exposed[0] != shown:
            self._exposed = (shown, self._handed(shown))
        values = self._run(self._exposed[1], inputs, shown)
        return values | {name: values[labels[name]] for name in expose if name in labels}

    def _handed(self, shown: Sequence[str]) -> HandedProgram:
        def write(path: Path) -> None:
            path.write_bytes(self._source.model(shown).SerializeToString())

        return HandedProgram(ProgramKind.ONNX, write)

    def _run(self, handed: HandedProgram, inputs: Mapping[str, Array], shown: Sequence[str]) -> dict[str, Array]:
        names = self._source.names(shown)
        made = self._worker.run(handed, self._source.feeds(inputs), names)
        return self._source.values([made[name] for name in names], shown)


class _RemoteOperators:
    """The operators of a worker as a namespace, for one evaluation of a program."""

    def __init__(self, worker: Worker, program: Program, inputs: Mapping[str, Array]) -> None:
        """Expect the steps of ``program`` in their order."""
        self._worker = worker
        self._program = program
        self._steps = iter(program.steps)
        self._read = {name for step in program.steps for name in step.inputs}
        self._sizes = {
            dimension: size
            for name, spec in program.inputs.items()
            for dimension, size in zip(spec.shape, inputs[name].shape, strict=True)
        }

    @staticmethod
    def constant(array: Array) -> Array:
        """Return the array: a worker is given constants with every request."""
        return array

    def __getattr__(self, op: str) -> Any:
        """Return the operator ``op`` of the worker."""
        return partial(self._apply, op)

    def _apply(self, op: str, *operands: Array | None, **attributes: Attribute) -> Any:
        step = next(self._steps)
        interface = _interface(op)
        given = {
            name: operand
            for name, operand in zip(interface.operand_names(len(operands)), operands, strict=False)
            if operand is not None
        }
        with errors_about(f"step {step.name}"):
            made = self._worker.apply(op, given, {**interface.defaults, **attributes}, interface.outputs)
            for name, tensor in zip(interface.outputs, step.outputs, strict=True):
                if tensor in self._read:
                    self._expect(made[name], self._program.tensors[tensor], name)
        results = tuple(made.values())
        return results if len(results) > 1 else results[0]

    def _expect(self, made: Array, spec: TensorSpec, name: str) -> None:
        """Refuse what the next step could not work with; what no step reads is left to the judge."""
        dtype = "float32" if spec.dtype == "float" else spec.dtype
        shape = tuple(self._sizes.get(size, size) for size in spec.shape)
        if (str(made.dtype), made.shape) != (dtype, shape):
            raise ProtocolError(
                f"worker: output {name} is {made.dtype} {list(made.shape)}; expected {dtype} {list(shape)} "
                "because a later step reads it"
            )


@dataclass(frozen=True)
class _Interface:
    """The names that an operator's operands, attributes and results have in the protocol."""

    operands: tuple[str, ...]
    variadic: bool
    defaults: Mapping[str, Attribute]
    outputs: tuple[str, ...]

    def operand_names(self, number: int) -> Sequence[str]:
        return [f"{self.operands[0]}{index}" for index in range(number)] if self.variadic else self.operands


@cache
def _interface(op: str) -> _Interface:
    operator = ops.OPERATORS[op]
    parameters = inspect.signature(operator).parameters.values()
    attributes = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    return _Interface(
        operands=tuple(parameter.name for parameter in parameters if parameter not in attributes),
        variadic=any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters),
        defaults={
            attribute.name: attribute.default for attribute in attributes if attribute.default is not attribute.empty
        },
        outputs=getattr(get_type_hints(operator)["return"], "_fields", ("y",)),
    )


def _kept(worker: Worker, handed: HandedProgram, tensors: Sequence[str]) -> Collection[str]:
    """Load a program, and return those of its ``tensors`` that the worker can show without computing another thing."""
    answer = dict(worker.load(handed))
    survivors = answer.pop("survivors", list(tensors))
    if answer:
        raise ProtocolError(f"worker: its answer to load has {next(iter(answer))!r:.60}; expected at most survivors")
    if not isinstance(survivors, list) or not set(map(str, survivors)) <= set(tensors):
        raise ProtocolError(f"worker: its survivors are {survivors!r:.100}; expected a list of the program's tensors")
    return survivors if worker.capabilities.expose else ()


def _expressible(kind: ProgramKind) -> Collection[str]:
    """Return the operators that a program of this kind can hold."""
    if kind is not ProgramKind.ONNX:
        return ops.OPERATORS
    try:
        from distilspec.reference.formats.onnx_forms import FORMS
    except ModuleNotFoundError:
        raise RuntimeMissingError(
            "worker: it takes ONNX, and package onnx is not installed; expected it from pip install 'distilspec[onnx]'"
        ) from None
    return FORMS


def _split(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise RangeError(f"runtime exec:{command:.60}: {error}; expected a command with its arguments") from None
    if not words:
        raise RangeError("runtime exec: there is no command; expected exec:COMMAND")
    return words


def _seconds(runtime: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not (isfinite(seconds) and seconds > 0):
        raise RangeError(f"runtime {runtime}: option timeout is {text!r:.60}; expected a number of seconds above 0")
    return seconds


def _count(runtime: str, text: str) -> str:
    if not text.isdecimal() or int(text) == 0:
        raise RangeError(f"runtime {runtime}: option threads is {text!r:.60}; expected 1 or more")
    return text
