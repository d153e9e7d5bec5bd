"""Whole runtimes made for the suite's own score: mutants that no single operator shows, and correct variants."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np

from distilspec.conformance.runtimes.adapter import Executable, Runtime
from distilspec.conformance.runtimes.reference import Float32
from distilspec.reference import ops
from distilspec.reference.contract.spec import SPEC_VERSION
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

#: What a runtime makes of a program.
Load: TypeAlias = Callable[[Program], Executable]


class Stepwise(Executable):
    """
    Evaluates a program step by step on operators that return NumPy arrays, with real results rounded to float32.

    A bug between the steps, or between calls, is planted by overriding ``answer``.
    """

    def __init__(self, program: Program, namespace: Any = ops) -> None:
        """Evaluate ``program`` on the operators of ``namespace``."""
        self.program = program
        self._namespace = Float32(namespace)

    def evaluate(self, inputs: Mapping[str, Array], program: Program | None = None) -> dict[str, Array]:
        """Return the outputs by their labels and every tensor by its name, of this program or another."""
        chosen = self.program if program is None else program
        with np.errstate(all="ignore"):
            values = chosen.run(self._namespace, inputs, keep=tuple(chosen.tensors))
        return {name: np.asarray(value) for name, value in values.items()}

    def answer(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return what a call gives: the outputs and every tensor."""
        return self.evaluate(inputs)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs."""
        return self.run_exposed(inputs, ())

    def survivors(self) -> tuple[str, ...]:
        """Return every tensor that a step makes."""
        return tuple(self.program.tensors)

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Return the outputs and the tensors ``expose``."""
        values = self.answer(inputs)
        return {name: values[name] for name in (*self.program.outputs, *expose)}


class Showing(Executable):
    """Another executable that shows only some of its tensors, and its outputs."""

    def __init__(self, inner: Executable, program: Program, shown: Callable[[str], bool]) -> None:
        """Show the tensors of ``program`` of which ``shown`` says so."""
        self._inner = inner
        outputs = set(program.outputs.values())
        self._shown = tuple(name for name in inner.survivors() if name in outputs or shown(name))

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs."""
        return self._inner.run(inputs)

    def survivors(self) -> tuple[str, ...]:
        """Return what is shown."""
        return self._shown

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Return the outputs and the tensors ``expose``."""
        return self._inner.run_exposed(inputs, expose)


class PlantedRuntime(Runtime):
    """A runtime whose loading of programs, and nothing else, is given."""

    version = SPEC_VERSION
    options: Mapping[str, str] = {}

    def __init__(self, name: str, load: Load, on_threads: Callable[[int], Load] | None = None) -> None:
        """Load programs by ``load``, and by what ``on_threads`` returns when another number of threads is asked for."""
        self.name = name
        self._load = load
        self._on_threads = on_threads

    def supports(self, op: str) -> bool:
        """Return whether the operator exists."""
        return op in ops.OPERATORS

    def load(self, program: Program) -> Executable:
        """Return what is planted."""
        return self._load(program)

    def with_threads(self, threads: int) -> Runtime | None:
        """Return the runtime with another number of threads, where that means something."""
        if self._on_threads is None:
            return None
        return PlantedRuntime(self.name, self._on_threads(threads), self._on_threads)


@dataclass(frozen=True)
class RuntimeMutant:
    """
    A whole runtime with one bug.

    Parameters
    ----------
    name : str
        What is wrong, in the words of a bug report.
    clauses : tuple of str
        The clauses that it breaks.
    load : callable
        Takes a program and returns an executable.
    on_threads : callable, optional
        Takes a number of threads and returns a ``load``; without it the number cannot be chosen.
    seen_in : str
        Where it was met, if it was: a runtime, an instruction, an issue.
    """

    name: str
    clauses: tuple[str, ...]
    load: Load
    on_threads: Callable[[int], Load] | None = None
    seen_in: str = ""

    def runtime(self) -> Runtime:
        """Return a fresh runtime with this bug; a ``load`` that remembers is copied for it."""
        return PlantedRuntime(f"mutant: {self.name}", copy.deepcopy(self.load), self.on_threads)


@dataclass(frozen=True)
class Variant:
    """A correct runtime that computes in another way than the reference; the suite must not reject it."""

    name: str
    load: Load
    on_threads: Callable[[int], Load] | None = None

    def runtime(self) -> Runtime:
        """Return a fresh runtime of this kind."""
        return PlantedRuntime(f"variant: {self.name}", self.load, self.on_threads)


def rewritten(rewrite: Callable[[Program], Program]) -> Load:
    """
    Return a loader that runs another program than the one it was given.

    The other program has the same tensors and outputs by name; all of them are shown.
    """
    return lambda program: Stepwise(rewrite(program))


def with_operators(**operators: Callable[..., Any]) -> Load:
    """Return a loader that runs programs on the reference's operators with some of them replaced."""
    namespace = SimpleNamespace(**{**ops.OPERATORS, **operators}, constant=ops.constant)
    return lambda program: Stepwise(program, namespace)


def in_whole_programs(load: Load) -> Load:
    """Return a loader that is right on programs of one step: bugs of fused paths are not seen operator by operator."""
    return lambda program: load(program) if len(program.steps) > 1 else Stepwise(program)


def opaque(load: Load) -> Load:
    """Return a loader of the same executables that show nothing but their outputs."""
    return showing(load, lambda _program, _name: False)


def showing(load: Load, shown: Callable[[Program, str], bool]) -> Load:
    """Return a loader of the same executables that show the tensors of which ``shown(program, name)`` says so."""
    return lambda program: Showing(load(program), program, lambda name: shown(program, name))
