"""The adapter of distilspec.fast, through its public API alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from distilspec.conformance.runtimes.adapter import (
    Executable,
    Granularity,
    Runtime,
    expect_known,
    expect_number,
    expect_option,
)
from distilspec.fast import OPERATORS, Engine, operators
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

#: What each backend can be handed; the operators are kernels of the processor, each called alone.
GRANULARITY = {"native": (Granularity.OPERATORS, Granularity.PROGRAMS), "numpy": (Granularity.PROGRAMS,)}


def create(options: Mapping[str, str]) -> FastRuntime:
    """Return the runtime under these options."""
    return FastRuntime(options)


class FastRuntime(Runtime):
    """
    Fused steps, INT8 products on integers, by kernels made for the processor or by NumPy.

    Options are ``backend``, ``native`` unless said, and ``threads``, 1. DISTILSPEC_ISA chooses the instructions. With
    the native backend, a program of one step is carried out by the kernel that fused steps use for it, in one thread.
    """

    name = "fast"
    recipes = dict.fromkeys(Recipe, "fused steps, of which the tensors between them are shown")

    def __init__(self, options: Mapping[str, str]) -> None:
        """Read the options."""
        expect_known(self.name, options, ("backend", "threads"))
        self.version = version("distilspec")
        backend = expect_option(self.name, "backend", options.get("backend", "native"), tuple(GRANULARITY))
        self._threads = expect_number(self.name, "threads", options.get("threads", "1"))
        self.options = {"backend": backend, "threads": str(self._threads)}
        self.granularity = GRANULARITY[backend]

    def supports(self, op: str) -> bool:
        """Return whether programs may hold an operator, or a kernel carries it out."""
        return op in OPERATORS or (Granularity.OPERATORS in self.granularity and op in operators.OPERATORS)

    def load(self, program: Program) -> Executable:
        """Compile a program; one of a single step that is a kernel's is carried out by it."""
        if Granularity.OPERATORS in self.granularity and _is_of_kernel(program):
            return _Applied(program)
        engine = Engine(program, threads=self._threads, oversubscribe=True, backend=self.options["backend"])
        return _Compiled(engine, program)

    def with_threads(self, threads: int) -> Runtime:
        """Return the same runtime with another number of threads."""
        return FastRuntime({**self.options, "threads": str(threads)})


class _Compiled(Executable):
    def __init__(self, engine: Engine, program: Program) -> None:
        self._engine = engine
        known = {name for step in program.steps for name in step.outputs}
        self._survivors = tuple(name for name in engine.survivors() if name in known)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return self._engine.run(inputs)

    def survivors(self) -> tuple[str, ...]:
        return self._survivors

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        outputs, shown = self._engine.run_exposed(inputs, expose)
        return {**outputs, **shown}


def _is_of_kernel(program: Program) -> bool:
    return len(program.steps) == 1 and program.steps[0].op in operators.OPERATORS


class _Applied(Executable):
    """A program of one step on ``distilspec.fast.operators``."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return self.run_exposed(inputs, ())

    def survivors(self) -> tuple[str, ...]:
        return tuple(self._program.tensors)

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        return self._program.run(operators, inputs, keep=expose)
