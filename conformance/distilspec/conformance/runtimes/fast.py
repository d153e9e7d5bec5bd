"""The adapter of distilspec.fast, through its public API alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import ModuleType

from distilspec.conformance.runtimes.adapter import (
    Executable,
    Granularity,
    Runtime,
    RuntimeMissingError,
    expect_known,
    expect_number,
    expect_option,
)
from distilspec.fast import FUSED_OPERATORS, OPERATORS, Engine
from distilspec.reference.contract.errors import RangeError
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

    Options are ``backend``, ``native`` unless said, and ``threads``, 1, which may be more than the processors: several
    threads are judged on any machine. DISTILSPEC_ISA chooses the instructions. With the native backend, a program of
    one step is carried out by the kernel that fused steps use for it, in one thread.
    """

    name = "fast"
    recipes = dict.fromkeys(Recipe, "fused steps, of which the tensors between them are shown")

    def __init__(self, options: Mapping[str, str]) -> None:
        """Read the options, and refuse instructions that ``DISTILSPEC_ISA`` forces and this processor lacks."""
        expect_known(self.name, options, ("backend", "threads"))
        self.version = version("distilspec")
        backend = expect_option(self.name, "backend", options.get("backend", "native"), tuple(GRANULARITY))
        self._threads = expect_number(self.name, "threads", options.get("threads", "1"))
        if self._threads < 1:
            raise RangeError(f"runtime fast: option threads is {self._threads}; expected at least 1")
        self.options = {"backend": backend, "threads": str(self._threads)}
        self.granularity = GRANULARITY[backend]
        self._kernels = _operators() if backend == "native" else None

    def supports(self, op: str) -> bool:
        """Return whether programs may hold an operator, or a kernel carries it out."""
        return op in OPERATORS or (self._kernels is not None and op in self._kernels.OPERATORS)

    def missing(self, program: Program) -> list[str]:
        """Return the operators that programs cannot hold; those of quantised attention stand for it in no other way."""
        known = set(FUSED_OPERATORS) if len(program.steps) > 1 else set()
        return [op for op in super().missing(program) if op not in known]

    def load(self, program: Program) -> Executable:
        """Compile a program; one of a single step that is a kernel's is carried out by it."""
        if self._kernels and len(program.steps) == 1 and program.steps[0].op in self._kernels.OPERATORS:
            return _Applied(program, self._kernels)
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


def _operators() -> ModuleType:
    """Return the module of single operators, which needs what compiles kernels."""
    try:
        from distilspec.fast import operators
        from distilspec.fast.isa import host_target
    except ModuleNotFoundError as error:
        raise RuntimeMissingError(
            f"runtime fast: package {error.name} is not installed; expected it from pip install 'distilspec[fast]', "
            "or option backend=numpy"
        ) from None
    host_target()
    return operators


class _Applied(Executable):
    """A program of one step, carried out by an operator of a module."""

    def __init__(self, program: Program, operators: ModuleType) -> None:
        self._program = program
        self._operators = operators

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return self.run_exposed(inputs, ())

    def survivors(self) -> tuple[str, ...]:
        return tuple(self._program.tensors)

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        return self._program.run(self._operators, inputs, keep=expose)
